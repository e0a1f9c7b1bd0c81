"""Mixed precision: which type the weights of each layer get, within what the user can spend and lose.

    1. setting      model, data              -> samples to fit on, samples to judge by
    2. noise        layer, type of weights   -> noise at the outputs          edgeq.quantize.sensitivity
    3. chain        noise, cost              -> assignments, best for their cost
    4. trial        assignment               -> flash, RAM, cycles, SQNR, top-1, of the C on the target
    5. limits       trials                   -> the one taken

Every number that a choice is made by is measured on samples that nothing was fitted on.
"""

from edgeq.search.limits import Limits
from edgeq.search.search import Result, search
from edgeq.search.setting import Setting
from edgeq.search.trial import Trial

__all__ = ["Limits", "Result", "Setting", "Trial", "search"]
