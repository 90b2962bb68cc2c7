"""What becomes of flows when their containers are real, and meet what containers meet."""

import hashlib

import pytest


def test_heartbeats_keep_a_state_waiting_for_a_task_that_takes_its_time(run):
    """The container sends one every 30 s. This test takes longest, and so begins first."""
    patient = run("patient", silence=45).outcome
    assert (patient.cause, patient.output) == (None, "done")


@pytest.mark.parametrize("mode", ["micro", "small"])
def test_functions_and_containers_come_to_what_the_laptop_comes_to(build, fargate, home, mode):
    flow, bundle = build("mixed", mode)
    run = fargate.run_on_containers(bundle, {"n": 5})
    assert (run.outcome.status, run.outcome.cause) == ("SUCCEEDED", None)
    assert run.outcome.output == flow.run_local(n=5).raise_on_failure().result
    assert {container.exit_code for container in run.containers} == {0}


def test_an_exception_has_its_own_name_and_message(run):
    failed = run("failing").outcome
    assert (failed.status, failed.error) == ("FAILED", "LookupError")
    assert failed.error_message == "no row [0, 1]"


def test_an_attempt_that_fails_is_followed_by_another_container(run):
    retried = run("retried")
    assert (retried.outcome.cause, retried.outcome.output) == (None, 2)
    assert [container.exit_code for container in retried.containers] == [0, 0]


def test_each_item_of_a_map_has_a_container(run):
    mapped = run("mapped")
    assert (mapped.outcome.cause, mapped.outcome.output) == (None, [0, 1])
    assert len(mapped.containers) == 2


@pytest.mark.parametrize("mode", ["micro", "small"])
def test_an_input_that_the_overrides_cannot_hold(run, mode):
    large = run("large", {"text": "x" * 100_000}, mode).outcome
    assert (large.cause, large.output) == (None, 100_000)


def test_a_secret_is_read_in_the_container(run, fargate):
    token = "s3cr3t-of-the-test"
    fargate.client("secretsmanager").create_secret(Name="containers/token", SecretString=token)
    secretive = run("secretive").outcome
    assert (secretive.cause, secretive.output) == (None, hashlib.sha256(token.encode()).hexdigest())


def test_a_task_past_its_timeout_fails_as_on_the_laptop(build, fargate, home):
    flow, bundle = build("late")
    late = fargate.run_on_containers(bundle, {}).outcome
    error = flow.run_local().task_runs["slow"].error
    assert (late.status, late.error, late.error_message) == ("FAILED", error.type, error.message)


def test_out_of_memory_is_a_failure_that_the_container_itself_reports(run):
    hungry = run("hungry")
    assert (hungry.outcome.status, hungry.outcome.error) == ("FAILED", "Runtime.ExitError")
    assert hungry.outcome.error_message.endswith("SIGKILL (out of memory, perhaps)")
    assert [container.exit_code for container in hungry.containers] == [0]


@pytest.mark.parametrize("who", ["native", "decided"])
def test_out_of_memory_counts_as_an_attempt(run, who):
    hungry = run(f"hungry_once_{who}")
    assert (hungry.outcome.cause, hungry.outcome.output) == (None, 2)


def test_a_container_that_is_told_to_stop_says_so_before_it_goes(run):
    """Fargate sends SIGTERM where it takes a container away."""
    stopped = run("steady_work", strike="stop")
    assert (stopped.outcome.status, stopped.outcome.error) == ("FAILED", "Runtime.ExitError")


def test_a_container_that_is_killed_is_missed_by_its_heartbeats(run):
    killed = run("steady_work", strike="kill")
    assert (killed.outcome.status, killed.outcome.error) == ("FAILED", "States.HeartbeatTimeout")
    assert [container.exit_code for container in killed.containers] == [137]


@pytest.mark.parametrize(
    ("strike", "who"),
    [("kill", "native"), ("kill", "decided"), ("pause", "decided"), ("stop", "native")],
)
def test_a_container_that_is_lost_counts_as_an_attempt(run, strike, who):
    struck = run(f"struck_once_{who}", strike=strike)
    assert (struck.outcome.cause, struck.outcome.output) == (None, 2)


def test_a_container_that_freezes_is_missed_and_ends_when_it_thaws(run):
    frozen = run("steady_work", strike="pause")
    assert (frozen.outcome.status, frozen.outcome.error) == ("FAILED", "States.HeartbeatTimeout")
    [container] = frozen.containers
    assert container.exit_code == 1
    assert "Nobody waits for this task any more" in container.printed


def test_a_container_that_never_starts_is_missed_too(run):
    missing = run("steady_work", image="dagy-test-no-such-image")
    assert (missing.outcome.status, missing.outcome.error) == ("FAILED", "States.HeartbeatTimeout")
    assert missing.containers == []
