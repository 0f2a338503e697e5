"""What the language model does, on /metrics. Labels come from here alone, never from telemetry or a model."""

from prometheus_client import CollectorRegistry, Counter


class Meters:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "akeso_llm_requests_total", "Requests to the language model", ["outcome"], registry=registry
        )
        self.tokens = Counter("akeso_llm_tokens_total", "Tokens used", ["kind"], registry=registry)
        self.dollars = Counter("akeso_llm_cost_dollars_total", "Cost in US dollars, where known", registry=registry)
        self.explanations = Counter(
            "akeso_llm_explanations_total", "Explanations asked for", ["result"], registry=registry
        )
        self.dropped = Counter(
            "akeso_llm_claims_dropped_total", "Sentences of the model that were not shown", ["why"], registry=registry
        )
