"""Networks of one function in C, built and run as generated ones are: for tests of the emulators themselves."""

from dataclasses import dataclass
from typing import Any, cast

from edgeq.emulation.cost import Count, costs
from edgeq.emulation.decode_arm import decode
from edgeq.emulation.unicorn_core import UnicornCore
from edgeq.firmware import Image, build_image
from edgeq.targets import Board

_HEADER = """
#include <stdint.h>
#include <stddef.h>
#define NET_OK 0
#define NET_ARENA_SIZE 64u
struct net_context { uint32_t words[8]; };
int net_init(struct net_context *context, void *arena, size_t size);
int net_run(struct net_context *context);
extern uint8_t net_static_arena[NET_ARENA_SIZE];
"""
_SOURCE = """
#include "net.h"
uint8_t net_static_arena[NET_ARENA_SIZE];
int net_init(struct net_context *context, void *arena, size_t size)
{
    (void)arena;
    context->words[0] = (uint32_t)size;
    return NET_OK;
}
"""


@dataclass(frozen=True)
class _Named:
    name: str = "net"


def image_of(run: str, board: Board, **chosen: Any) -> Image:
    """An image whose network is a C definition of `int net_run(struct net_context *context)`."""
    files = {"net.h": _HEADER, "net.c": _SOURCE + run, "net_weights.c": "extern int net_unused;\n"}
    return build_image(cast(Any, _Named()), files, board, **chosen)


def execute(run: str, board: Board, **chosen: Any) -> tuple[int, int]:
    """What it returns, and the stack that it takes."""
    image = image_of(run, board, **chosen)
    return UnicornCore(image).call("net_run", image.symbols["harness_context"].address)


def count(assembly: str, board: Board) -> Count:
    """What a function in assembly costs: r0 is the address of 8 words, and it returns itself."""
    lines = "".join(f'"{line.strip()}\\n"' for line in assembly.strip().splitlines())
    image = image_of(f"__attribute__((naked)) int net_run(struct net_context *context) {{ __asm__({lines}); }}", board)
    core = UnicornCore(image)
    core.call("net_run", image.symbols["harness_context"].address)
    return costs(core.trace, image.read, decode, board.core.timing).total
