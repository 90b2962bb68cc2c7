"""The protocol of joins across branches, in every order in which its calls can be made.

The worlds are: the record of a join; a state that waits, which Step Functions may try again at any
time, with a new token; others that end, each of which says so by a call that may be made again too;
and the workers that make these calls. A worker may be as slow as it likes, go on after its state has
been given up, be started twice, or die between any two things it does (it then does nothing in all
worlds after that, and those are looked at too). What a worker does next is
found out by running `meet` itself. All worlds that can be reached are looked at.
"""

from collections import deque
from dataclasses import dataclass, field, replace

import pytest

from dagy.worker import meeting as protocol
from dagy.worker.meeting import Meeting, Told, Update, Waits


@dataclass(frozen=True)
class Worker:
    """A call that is being made: what it is to say, and what it has been answered so far."""

    update: Update
    answers: tuple = ()


@dataclass(frozen=True)
class World:
    """Everything there is.

    `waiting` is the attempt of the state that waits: its token is its number, and so is its time.
    `told` has the attempts of the calls of the others, 0 for one that has returned.
    """

    told: tuple[int, ...]
    waiting: int = 1
    registered: bool = False
    released: bool = False
    record: Meeting = field(default_factory=Meeting)
    workers: tuple[Worker, ...] = ()
    twice: int = 0

    def with_workers(self, workers):
        return replace(self, workers=tuple(sorted(workers, key=repr)))


class Paused(Exception):
    def __init__(self, effect):
        self.effect = effect


class Scripted:
    """A place that answers what it has answered before, and stops at what is new."""

    def __init__(self, answers):
        self.answers = list(answers)

    def update(self, key, update):
        return self.next("update", update)

    def send(self, token):
        return self.next("send", token)

    def next(self, *effect):
        if not self.answers:
            raise Paused(effect)
        return self.answers.pop(0)


class Checker:
    """Goes through all worlds; `meet` and `updated` may be others than the real ones.

    Each state may be tried `tries` times, and `twice` calls may reach two workers.
    """

    def __init__(self, others, tries, twice, meet=protocol.meet, updated=protocol.updated):
        self.others, self.tries, self.twice = others, tries, twice
        self.meet, self.updated = meet, updated
        self.known = {}  # what workers do next

    def wants(self, worker):
        """What a worker does next; None if it returns."""
        if worker not in self.known:
            self.known[worker] = None
            try:
                self.meet(Scripted(worker.answers), "join", worker.update, self.others)
            except Paused as paused:
                self.known[worker] = paused.effect
        return self.known[worker]

    def first(self):
        calls = [Worker(Told(str(other))) for other in range(self.others)]
        world = World((1,) * self.others, twice=self.twice)
        return world.with_workers([Worker(Waits("1", 1)), *calls])

    def moves(self, world):
        yield from self.tried_again(world)
        for worker in dict.fromkeys(world.workers):
            rest = list(world.workers)
            rest.remove(worker)
            if world.twice and not worker.answers:
                again = world.with_workers([*world.workers, worker])
                yield replace(again, twice=world.twice - 1)
            yield self.goes_on(world, worker, rest)

    def tried_again(self, world):
        """Step Functions takes a call for failed, whether it is or not, and makes it again."""
        if not world.released and world.waiting < self.tries:
            number = world.waiting + 1
            tried = replace(world, waiting=number, registered=False)
            yield tried.with_workers([*world.workers, Worker(Waits(str(number), number))])
        for other, tries in enumerate(world.told):
            if 0 < tries < self.tries:
                told = tuple(n + (at == other) for at, n in enumerate(world.told))
                more = [*world.workers, Worker(Told(str(other)))]
                yield replace(world, told=told).with_workers(more)

    def goes_on(self, world, worker, rest):
        match self.wants(worker):
            case None:
                return self.returned(world, worker).with_workers(rest)
            case ("update", update):
                found = self.updated(world.record, update)
                world = replace(world, record=world.record if found is None else found)
                answer = found
            case ("look", _):
                answer = world.record
            case ("send", token):
                assert len(world.record.told) == self.others, f"too early: {world}"
                if token == str(world.waiting):  # any other is refused
                    world = replace(world, released=True)
                answer = None
        return world.with_workers([*rest, replace(worker, answers=(*worker.answers, answer))])

    def returned(self, world, worker):
        match worker.update:
            case Told(by=other):
                told = tuple(0 if at == int(other) else n for at, n in enumerate(world.told))
                return replace(world, told=told)
            case Waits(token=token):
                current = token == str(world.waiting)
                return replace(world, registered=world.registered or current)

    def worlds(self):
        seen = {self.first()}
        pending = deque(seen)
        while pending:
            world = pending.popleft()
            yield world
            for following in self.moves(world):
                if following not in seen:
                    seen.add(following)
                    pending.append(following)

    def check(self):
        """Return the number of worlds; fail where something waits for ever, or goes on too early."""
        count = 0
        for world in self.worlds():
            count += 1
            # Step Functions waits for no call any more, and any worker there is may die here.
            over = world.registered and not any(world.told)
            assert world.released or not over, f"waits for ever: {world}"
        return count


@pytest.mark.parametrize(
    ("others", "tries", "twice"), [(1, 2, 1), (1, 3, 0), (2, 1, 1), (2, 2, 0), (3, 1, 1)]
)
def test_whatever_happens_what_waits_goes_on_and_never_too_early(others, tries, twice):
    assert Checker(others, tries, twice).check() > 50


def test_that_a_late_registration_must_not_replace_a_newer_one_shows():
    def any_token(record, update):
        if isinstance(update, Waits):
            return replace(record, waits=update)
        return protocol.updated(record, update)

    with pytest.raises(AssertionError, match="waits for ever"):
        Checker(1, 2, 0, updated=any_token).check()


def test_that_looking_must_not_be_apart_from_updating_shows():
    def look_first(place, key, update, others):
        found = protocol.updated(place.next("look", key), update)
        place.update(key, update)
        token = None if found is None else protocol.due(found, others)
        if token is not None:
            place.send(token)

    with pytest.raises(AssertionError, match="waits for ever"):
        Checker(1, 1, 0, meet=look_first).check()
