"""Types of the compiled core."""

from typing import Any, final

from numpy.typing import NDArray

__version__: str

# history
@final
class HistorySource:
    def __new__(
        cls, columns: dict[str, NDArray[Any]], *, open_step: bool = True, mid_morning: bool = True
    ) -> HistorySource: ...
    def __len__(self) -> int: ...
    def flag_counts(self) -> dict[str, int]: ...
    def steps(self) -> dict[str, NDArray[Any]]: ...
    def settlements(self) -> dict[str, NDArray[Any]]: ...
