"""What a server counts and measures, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api.http.workspaces import Workspaces

LATENCY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self, workspaces: Workspaces) -> None:
        self._registry = CollectorRegistry()
        self.requests = Histogram(
            "populace_request_seconds",
            "How long requests took until the last byte of the answer, by route and status.",
            ["method", "route", "status"],
            buckets=LATENCY_SECONDS,
            registry=self._registry,
        )
        self.under_way = Gauge("populace_requests_under_way", "Requests being answered now.", registry=self._registry)
        self.refused = Counter(
            "populace_requests_refused_total",
            "Requests that were stopped before they reached a route, by reason.",
            ["reason"],
            registry=self._registry,
        )
        self._registry.register(_OfWorkspaces(workspaces))

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)


class _OfWorkspaces(Collector):
    """What is asked of each workspace when the metrics are read."""

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One family for each thing that is measured, with a sample for each workspace."""
        families = {
            "commits": GaugeMetricFamily("populace_commits", "Groups of writes committed.", labels=["workspace"]),
            "writes": GaugeMetricFamily("populace_writes", "Writes committed.", labels=["workspace"]),
            "waiting": GaugeMetricFamily(
                "populace_writes_waiting", "Writes that wait for their commit.", labels=["workspace"]
            ),
            "behind": GaugeMetricFamily(
                "populace_recompute_lag_seconds",
                "Since when memberships do not follow what was written; 0 where they do.",
                labels=["workspace"],
            ),
            "webhooks": GaugeMetricFamily(
                "populace_webhook_backlog", "Messages that webhooks were not told of yet.", labels=["workspace"]
            ),
            "mails": GaugeMetricFamily("populace_mails_waiting", "Mails that were not sent yet.", labels=["workspace"]),
        }
        for workspace_id in self._workspaces.ids:
            workspace = self._workspaces.get(workspace_id)
            figures = workspace.figures()
            families["commits"].add_metric([workspace_id], figures.commit_count)
            families["writes"].add_metric([workspace_id], figures.write_count)
            families["waiting"].add_metric([workspace_id], figures.waiting_count)
            families["behind"].add_metric([workspace_id], figures.lag_seconds)
            families["webhooks"].add_metric([workspace_id], workspace.webhooks.backlog_count())
            families["mails"].add_metric([workspace_id], workspace.mails.waiting_count())
        return families.values()
