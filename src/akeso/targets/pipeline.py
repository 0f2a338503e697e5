"""What actions on Akeso's own pipeline share: they reach the running system they are part of."""

from akeso.domain.errors import ActionFailed
from akeso.ports.pipeline import Pipeline


class OwnPipeline:
    """Stands for the running system once the composition root has connected it; until then nothing can be done."""

    on_akeso = True

    def __init__(self) -> None:
        self._pipeline: Pipeline | None = None

    def connect(self, pipeline: Pipeline) -> None:
        """Called once by the composition root."""
        self._pipeline = pipeline

    def _connected(self) -> Pipeline:
        if self._pipeline is None:
            raise ActionFailed("the running system is not connected to this action")
        return self._pipeline
