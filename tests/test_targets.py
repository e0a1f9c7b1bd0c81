"""Descriptions of boards and cores: what is in them, and what the reader refuses."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeq import resources
from edgeq.cli import cli
from edgeq.emulation.instruction import Kind
from edgeq.errors import EdgeqError
from edgeq.targets import board_names, core_names, read_board, read_core, read_target

_BOARD = """
title = "A board"
core = "cortex-m4"
clock = 100_000_000
sources = ["this test"]

[[memories]]
name = "flash"
kind = "flash"
origin = 0x0800_0000
size = 65_536
wait_states = 2

[[memories]]
name = "ram"
kind = "ram"
origin = 0x2000_0000
size = 32_768
"""
_FLASH, _RAM = '[[memories]]\nname = "flash"', '[[memories]]\nname = "ram"'


def _board(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_boards_and_cores_of_the_issue_are_there() -> None:
    assert {f"cortex-m{n}" for n in ("0", "0plus", "3", "4", "7", "23", "33", "55", "85")} | {"rv32imc"} == {
        *core_names()
    }
    wanted = (
        "nucleo-l4r5zi nucleo-f446re nucleo-h743zi nucleo-u575zi arduino-nano-33-ble raspberry-pi-pico "
        "raspberry-pi-pico2 nrf52840-dk nrf5340-dk ek-ra8d1 mps3-an547 esp32-c3"
    )
    assert {*wanted.split()} <= {*board_names()}


@pytest.mark.parametrize("name", [*board_names(), *core_names()])
def test_every_target_is_complete(name: str) -> None:
    board = read_target(name)
    assert board.name == name
    assert board.title
    assert all(board.sources)
    assert board.core.isas[0] == "c"
    assert board.core.timing.source
    assert board.ideal == (name in core_names())


@pytest.mark.parametrize("path", sorted((resources.TARGETS / "timing").glob("*.toml")), ids=lambda p: p.stem)
def test_a_timing_prices_every_kind_of_instruction(path: Path) -> None:
    found = {name for core in core_names() for name in read_core(core).timing.cycles if core == path.stem}
    kinds = {kind.value for kind in Kind} - {"branch_conditional"}
    special = {"branch_taken", "branch_not_taken", "load_after_load", "load_use", "store_register_after_load"}
    special |= {"multiple_each", "multiple_pc", "it_after_narrow", "address_stall", "vector_overlapped"}
    assert found == kinds | special


def test_a_board_of_the_users_own(tmp_path: Path) -> None:
    board = read_target(_board(tmp_path, _BOARD))
    assert (board.name, board.core.name, board.clock) == ("mine", "cortex-m4", 100_000_000)
    assert [(m.name, m.end, m.wait_states) for m in board.memories] == [
        ("flash", 0x0801_0000, 2),
        ("ram", 0x2000_8000, 0),
    ]
    assert board.reserved_ram == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title", "titel", "mine.toml: unknown key 'titel'; accepted: title, core"),
        ('title = "A board"\n', "", "mine.toml: no 'title'; accepted: a string"),
        ("100_000_000", '"fast"', "mine.toml: clock is 'fast'; accepted: an integer"),
        ("100_000_000", "true", "mine.toml: clock is True; accepted: an integer"),
        ("100_000_000", "0", "mine.toml: clock is 0; accepted: Hz, at least 1"),
        ("cortex-m4", "cortex-m5", "mine.toml: core is 'cortex-m5'; accepted: cortex-m0, "),
        ('["this test"]', '"this test"', "mine.toml: sources is 'this test'; accepted: a list, each a string"),
        ('["this test"]', "[1]", "mine.toml: sources is 1; accepted: a string"),
        ("wait_states", "waits", "mine.toml: memory 1: unknown key 'waits'; accepted: name, kind, origin, size, wait"),
        ("wait_states = 2", "wait_states = -2", "mine.toml: memory 'flash': a negative figure"),
        ('kind = "ram"', 'kind = "rom"', "mine.toml: memory 'ram': kind is 'rom'; accepted: flash, ram"),
        ('kind = "ram"', 'kind = "flash"', "mine.toml: no memory of kind 'ram'; accepted: one of each of flash, ram"),
        ("32_768", "32_000", "memory 'ram': 32000 bytes at 0x20000000; accepted: multiples of 4096"),
        ("0x2000_0000", "0x0800_8000", "mine.toml: memories 'flash' and 'ram' overlap; accepted: addresses of their"),
        ("0x2000_0000", "0xFFFF_F000", "memory 'ram' ends at 0x100007000; accepted: addresses of 32 bits"),
        ('name = "ram"', 'name = "flash"', "mine.toml: two memories 'flash'; accepted: a name for each"),
        ("clock", "reserved_ram = 40_000\nclock", "mine.toml: reserved_ram is 40000; accepted: 0 to 32768"),
        ("[[memories]]", "[memories]", "mine.toml: is no TOML"),
        ("title", "memories = 3\ntitle", "mine.toml: is no TOML"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in _BOARD
    with pytest.raises(EdgeqError, match=re.escape(message)):
        read_board(_board(tmp_path, _BOARD.replace(old, new)))


def test_memories_are_tables(tmp_path: Path) -> None:
    with pytest.raises(EdgeqError, match=r"mine.toml: memories; accepted: tables, each headed \[\[memories\]\]"):
        read_board(_board(tmp_path, _BOARD.partition("[[")[0] + "memories = 3\n"))


def test_a_name_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(EdgeqError, match=r"unknown target 'nucleo'; accepted: .*nucleo-f446re.*cortex-m4.*\.toml file"):
        read_target("nucleo")
    with pytest.raises(EdgeqError, match="unknown core 'm4'; accepted: cortex-m0"):
        read_core("m4")
    with pytest.raises(EdgeqError, match=r"none\.toml: No such file"):
        read_target(tmp_path / "none.toml")


def test_the_command_lists_and_describes() -> None:
    listed = CliRunner().invoke(cli, ["targets"])
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.output.splitlines()[1:]] == [*board_names(), *core_names()]
    described = CliRunner().invoke(cli, ["targets", "nucleo-l4r5zi"])
    assert "5 wait states for 8 B" in described.output
    document = json.loads(CliRunner().invoke(cli, ["targets", "esp32-c3", "--json"]).output)
    assert [t["core"]["name"] for t in document["targets"]] == ["rv32imc"]
    refused = CliRunner().invoke(cli, ["targets", "nothing"])
    assert refused.exit_code == 1
