"""Schedules that the real CDK CLI deploys."""

from tests.aws.test_schedules import done, schedules


def test_what_is_paused_stays_so_when_the_cdk_deploys_it_again(project):
    done(project.deploy("--yes", "--with", "cdk", "--schedule", "0 9 * * 1-5"))
    done(project.dagy("schedule", "pause", project.name))
    done(project.deploy("--yes", "--with", "cdk", "--schedule", "0 10 * * 1-5"))
    [schedule] = schedules(project)
    assert schedule["ScheduleExpression"] == "cron(0 10 ? * 2-6 *)"
    assert schedule["State"] == "DISABLED"
