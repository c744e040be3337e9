"""How tests are shared out among workers, so that one that dies costs one test and not the run.

The scheduler of pytest-xdist that knows groups gives the test that killed its worker to the next one, too, and a worker
that is made anew a single test, with which it waits for a second one forever.
"""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]


class LastingScheduling(LoadGroupScheduling):  # type: ignore[misc]
    """Groups of tests go to one worker each; what a dead worker had not done goes to others, but for what killed it."""

    def schedule(self) -> None:
        """Give work to all workers; to those that came later two parts: one is begun when the next is there."""
        super().schedule()
        for node in self.nodes:
            self._reschedule(node)

    def _reschedule(self, node: Any) -> None:
        """Give a worker more work if it is short of it; one that still gathers its tests asks once it has them."""
        if node in self.registered_collections:
            super()._reschedule(node)

    def remove_node(self, node: Any) -> str | None:
        """Take a worker out; the test at which it died, if it had one."""
        work = self.assigned_work.pop(node)
        left = [(scope, tests) for scope, tests in work.items() if not all(tests.values())]
        if not left:
            return None
        _, tests = left[0]
        fatal: str = next(name for name, is_done in tests.items() if not is_done)
        tests[fatal] = True
        self.workqueue.update((scope, tests) for scope, tests in left if not all(tests.values()))
        for other in self.nodes:
            self._reschedule(other)
        return fatal
