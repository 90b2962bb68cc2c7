"""`dagy schedule`, as a user or a script meets it."""

import json


def test_a_schedule_is_explained(dagy):
    done = dagy("schedule", "explain", "0 9 1 * mon", "--timezone", "Europe/Berlin")
    assert done.returncode == 0
    first, *times, on_aws = done.stdout.splitlines()
    assert first == "0 9 1 * mon: at 09:00, on the 1st or on Monday (Europe/Berlin)"
    assert len(times) == 3
    assert all(" 09:00 CE" in time for time in times)
    assert "cron(0 9 1 * ? *)" in on_aws
    assert "cron(0 9 ? * 2 *)" in on_aws


def test_a_script_reads_it(dagy):
    done = dagy("schedule", "explain", "rate(5 minutes)", "--json", "-n", "2")
    told = json.loads(done.stdout)
    assert told["expressions"] == ["rate(5 minutes)"]
    assert len(told["next"]) == 2


def test_what_means_nothing_is_refused(dagy):
    done = dagy("schedule", "explain", "0 9 * * mo")
    assert done.returncode == 2
    assert "did you mean 'mon'?" in done.stderr
    assert "Traceback" not in done.stderr
