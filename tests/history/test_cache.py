import os
import time
from concurrent.futures import ThreadPoolExecutor

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagy.history import Cache, Recording
from dagy.values import from_text, to_text
from dagy.values.artifacts import ArtifactStore

NOW = 1_764_000_000.0


def files(home):
    return sorted(home.cache.glob("*.json"))


def test_what_is_put_is_got_until_it_expires(home):
    cache = Cache(home)
    assert cache.get("double(3)", NOW) is None
    cache.put("double(3)", "6", NOW + 60)
    cache.put("double(4)", "8", None)
    assert (cache.get("double(3)", NOW + 59), cache.get("double(3)", NOW + 60)) == ("6", None)
    assert cache.get("double(4)", NOW * 2) == "8"


def test_the_last_to_put_wins(home):
    for text in ("1", "2"):
        Cache(home).put("key", text, None)
    assert (Cache(home).get("key", NOW), len(files(home))) == ("2", 1)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.text(), text=st.text())
def test_any_text_comes_back_as_it_was(home, key, text):
    Cache(home).put(key, text, None)
    assert Cache(home).get(key, NOW) == text


def test_a_broken_entry_is_a_miss_and_is_pruned_with_what_has_expired(home):
    cache = Cache(home)
    for key in ("broken", "cut", "old", "good"):
        cache.put(key, '"a long enough text"', NOW + 5 if key == "old" else None)
    (home.cache / "left-by-a-dead-process.new").touch()
    os.utime(home.cache / "left-by-a-dead-process.new", (NOW - 90_000, NOW - 90_000))
    cache._path("broken").write_bytes(b"\xff\x00")
    cache._path("cut").write_text(cache._path("cut").read_text()[:-3])
    assert [cache.get(key, NOW) for key in ("broken", "cut")] == [None, None]
    assert cache.prune(NOW + 10) == 3  # a text that was cut is found out when it is asked for
    assert cache.get("good", NOW) == '"a long enough text"'


def test_the_oldest_results_go_when_there_are_too_many(home):
    cache = Cache(home, most_results=2)
    for age, key in enumerate(("newest", "older", "oldest")):
        cache.put(key, "1", None)
        os.utime(cache._path(key), (NOW - age, NOW - age))
    assert cache.prune(NOW) == 1
    assert [cache.get(key, NOW) for key in ("newest", "older", "oldest")] == ["1", "1", None]


def test_results_count_with_their_artifacts_which_go_with_them(home):
    cache = Cache(home, most_bytes=3_000)
    store = ArtifactStore(cache.artifacts)
    for age, key in enumerate(("new", "old")):
        cache.put(key, to_text({"both": b"b" * 100, "own": key.encode() * 600}, store), None)
        os.utime(cache._path(key), (NOW - age, NOW - age))
    for file in store.folder.iterdir():
        os.utime(file, (NOW, NOW))
    assert cache.prune(NOW) == 1  # an artifact may be of a result that is just being written
    assert (cache.get("old", NOW), len(os.listdir(store.folder))) == (None, 3)
    assert cache.prune(NOW + 90_000) == 1
    assert from_text(cache.get("new", NOW), store)["own"] == b"new" * 600
    cache._path("new").write_text(cache._path("new").read_text()[:-3])
    assert cache.prune(NOW + 90_000) == 2  # what is cut short refers to nothing


def test_a_cache_that_cannot_be_written_keeps_nothing_and_says_nothing(home):
    home.root.write_text("a file in the place of the home")
    Cache(home).put("key", "1", None)
    assert Cache(home).get("key", NOW) is None
    assert Cache(home).prune(NOW) == 0


def test_a_reader_sees_one_writers_whole_text(home):
    texts = [str(n) * 50_000 for n in range(4)]
    with ThreadPoolExecutor(5) as pool:
        writes = [pool.submit(Cache(home).put, "key", text, None) for text in texts * 20]
        while not all(write.done() for write in writes):
            assert Cache(home).get("key", NOW) in {None, *texts}
    assert list(home.cache.iterdir()) == files(home)


def test_the_end_of_a_run_prunes_once_an_hour(home, header, monkeypatch):
    monkeypatch.setenv("DAGY_LOCAL_DIR", str(home.root))
    cache = Cache(home)
    cache.put("old", "1", time.time() - 1)
    Recording(header("run-1"), "{}").finish()
    assert files(home) == []
    cache.put("old", "1", time.time() - 1)
    Recording(header("run-2"), "{}").finish()
    assert len(files(home)) == 1
