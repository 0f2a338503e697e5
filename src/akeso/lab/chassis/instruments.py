"""The metrics every service has, with their standard names and units."""

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)

Reading = Callable[[], Iterable[tuple[float, dict[str, str]]]]


class Instruments:
    """Durations as histograms, states as gauges that are read when exported."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.server_duration = self._duration("http.server.request.duration", "Duration of HTTP server requests")
        self.client_duration = self._duration("http.client.request.duration", "Duration of HTTP client requests")
        self.database_duration = self._duration("db.client.operation.duration", "Duration of database operations")
        self.process_duration = self._duration("messaging.process.duration", "Duration of processing one message")

    def _duration(self, name: str, description: str) -> Histogram:
        return self._meter.create_histogram(
            name, unit="s", description=description, explicit_bucket_boundaries_advisory=SECONDS
        )

    def gauge(self, name: str, unit: str, read: Reading) -> None:
        """A state sampled at each export."""

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, attributes) for value, attributes in read()]

        self._meter.create_observable_gauge(name, [observe], unit=unit)

    def count(self, name: str, unit: str, read: Reading) -> None:
        """A number of things that goes up and down, sampled at each export."""

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, attributes) for value, attributes in read()]

        self._meter.create_observable_up_down_counter(name, [observe], unit=unit)

    def total(self, name: str, unit: str, read: Reading) -> None:
        """A total that only grows, sampled at each export."""

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, attributes) for value, attributes in read()]

        self._meter.create_observable_counter(name, [observe], unit=unit)
