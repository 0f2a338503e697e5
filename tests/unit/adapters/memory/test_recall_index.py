"""What is near in the memory."""

import numpy as np
import pytest

from akeso.adapters.embedders.hashed import HashedEmbedder
from akeso.adapters.memory.bags import Bags
from akeso.adapters.memory.index import MemoryIndex, placeless, words
from akeso.domain.incident.memory import Memory, Recollection
from akeso.testing.memory import sample_memory

EMBEDDER = HashedEmbedder(64)


def indexed(*memories: Memory) -> MemoryIndex:
    index = MemoryIndex(EMBEDDER.dimensions)
    for memory in memories:
        index.put(memory, EMBEDDER.embed([placeless(memory.text, memory.signature)])[0])
    return index


def found(index: MemoryIndex, text: str, *signature: str) -> list[Recollection]:
    question = (text, EMBEDDER.embed([placeless(text, signature)])[0]) if text else None
    return index.nearest("acme", question, signature, 0.5, 10)


def names(found: list[Recollection]) -> list[str]:
    return [recollection.memory.id for recollection in found]


def test_words_of_camel_case_are_words() -> None:
    assert list(words("KubePodNotReady HTTPServer pod-7 ÄnderungDa")) == [
        "kube", "pod", "not", "ready", "http", "server", "pod", "änderung", "da",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Payment-API errors since the payment api restarted", "errors since the restarted"),
        ("repayments of payment", "repayments of"),
        ("payment", "payment"),
    ],
)
def test_a_text_without_its_place(text: str, left: str) -> None:
    assert placeless(text, ("payment-api:errors", "payment:errors", "alone")) == left


def test_the_same_fault_elsewhere_is_nearer_than_another_fault_here() -> None:
    index = indexed(
        sample_memory("here", text="orders orders orders: certificate expired", signature=("orders:errors",)),
        sample_memory("there", text="ledger: the queue backs up, its worker stalled", signature=("ledger:backlog",)),
    )
    assert names(found(index, "orders: queue backs up behind a stalled worker", "orders:backlog")) == ["there", "here"]


def test_of_two_like_faults_the_one_at_the_same_place_comes_first() -> None:
    index = indexed(
        sample_memory("here", text="stalled", signature=("orders:backlog",)),
        sample_memory("there", text="stalled", signature=("ledger:backlog",)),
    )
    assert names(found(index, "stalled", "orders:backlog")) == ["here", "there"]


def test_a_rare_word_says_more_than_a_frequent_one() -> None:
    index = indexed(*(sample_memory(f"m{n}", text="errors " + "abcdefgh"[n] * 7, signature=()) for n in range(8)))
    assert names(found(index, "errors ccccccc"))[0] == "m2"


def test_a_rare_signal_says_more_than_a_frequent_one() -> None:
    many = [sample_memory(f"m{n}", text="", signature=("shop:latency", f"s{n}:latency")) for n in range(6)]
    index = indexed(*many, sample_memory("rare", text="", signature=("pay:deadlocks", "shop:errors")))
    assert names(found(index, "", "pay:latency", "pay:deadlocks"))[0] == "rare"


def test_newer_ones_come_first_where_all_else_is_equal() -> None:
    memories = [sample_memory(f"m{n}") for n in range(3)]
    index = indexed(*memories, memories[0])
    assert names(found(index, memories[0].text, *memories[0].signature)) == ["m0", "m2", "m1"]


def test_what_a_tenant_remembers_changes_nothing_for_another() -> None:
    mine = sample_memory("mine", text="deadlock on the ledger")
    alone = indexed(mine)
    crowded = indexed(mine, *(sample_memory(f"t{n}", tenant="other", text="deadlock") for n in range(20)))
    question = ("deadlock again", "ledger:latency")
    assert found(alone, *question)[0].similarity == found(crowded, *question)[0].similarity


def test_bm25_is_the_one_of_the_literature() -> None:
    bags = Bags()
    texts = [["a", "a", "b"], ["b", "c"], ["c", "c", "c", "d", "e", "f"]]
    for row, text in enumerate(texts):
        bags.put(row, text)
    k, b, mean = 1.2, 0.75, 11 / 3

    def idf(word: str) -> float:
        having = sum(word in text for text in texts)
        return float(np.log(1 + (len(texts) - having + 0.5) / (having + 0.5)))

    def score(text: list[str], length: int) -> float:
        relative = 1 - b + b * length / mean
        return sum(idf(w) * text.count(w) * (k + 1) / (text.count(w) + k * relative) for w in ("a", "c"))

    expected = [score(text, len(text)) / score(["a", "c"], 2) for text in texts]
    np.testing.assert_allclose(bags.bm25(["a", "c"], 2), np.minimum(expected, 1), rtol=1e-5)


def test_a_bag_that_was_changed_is_compared_as_it_is_now() -> None:
    bags, anew = Bags(), Bags()
    for row, text in enumerate(("a b", "b c", "c d")):
        bags.put(row, text.split())
    bags.overlap(["a"])
    bags.put(1, ["a", "e"])
    bags.put(3, ["f"])
    for row, text in enumerate(("a b", "a e", "c d", "f")):
        anew.put(row, text.split())
    np.testing.assert_allclose(bags.overlap(["a", "f"]), anew.overlap(["a", "f"]))
    np.testing.assert_allclose(bags.bm25(["a", "f"], 2), anew.bm25(["a", "f"], 2))
    assert bags.overlap(["f"]).tolist() == [0, 0, 0, 1]
