"""Settings of a stack on an emulated AWS: what they promise is seen to happen."""

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

LARGE = """
from dagy import flow, task

@task
def text() -> str:
    return "x" * 300_000

@task
def counted(text: str, limit: int) -> int:
    if len(text) > limit:
        raise ValueError("too long")
    return len(text)

@flow
def numbers(limit: int = 300_000):
    return counted(text(), limit)
"""


@pytest.fixture
def webhook():
    """The address of a webhook, and what it was told."""
    told = queue.Queue()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            told.put(json.loads(self.rfile.read(length))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/T0/B1", told
        server.shutdown()


def resource(project, name):
    """The physical id of a resource of the stack."""
    found = project.server.client("cloudformation").describe_stack_resource(
        StackName=project.stack_name, LogicalResourceId=name
    )
    return found["StackResourceDetail"]["PhysicalResourceId"]


def test_a_webhook_is_told_of_an_alarm_and_its_address_stands_nowhere(project, webhook):
    address, told = webhook
    parameter = f"/ops/{project.name}"
    project.server.client("ssm").put_parameter(Name=parameter, Value=address, Type="SecureString")
    (project.folder / "dagy.toml").write_text(f'notify = "ssm:{parameter}"\n')
    project.deployed()

    alarm = {
        "NewStateValue": "ALARM",
        "AlarmDescription": "Dagy flow numbers: an execution failed",
        "NewStateReason": "1 > 0",
    }
    project.server.client("sns").publish(
        TopicArn=resource(project, "Notifications"), Message=json.dumps(alarm)
    )
    assert told.get(timeout=60) == "ALARM: Dagy flow numbers: an execution failed\n1 > 0"
    template = project.server.client("cloudformation").get_template(StackName=project.stack_name)
    assert "/T0/B1" not in json.dumps(template["TemplateBody"])


def test_large_values_go_to_a_bucket_of_ones_own_and_come_back(project):
    s3 = project.server.client("s3")
    bucket = f"values-{project.name}"
    s3.create_bucket(Bucket=bucket)
    project.write(LARGE)
    deployed = project.deployed("--data-bucket", bucket, "--tags", "team=data")

    outcome = project.execute(deployed["state_machine_arn"], limit=300_000)
    assert (outcome.status, outcome.output) == ("SUCCEEDED", 300_000)
    remote = ("--wait", "--json", "--force")
    failed = project.dagy("run", project.name, "--remote", "-p", "limit=1", *remote[:2])
    resumed = project.dagy(
        "runs", "resume", json.loads(failed.stdout)["run_id"], "--remote", "--flow", project.name,
        "-p", "limit=400000", *remote,
    )  # fmt: skip
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["reused"] == ["text"]
    assert json.loads(resumed.stdout)["output"] == 300_000
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys
    assert all(key.startswith(f"{project.stack_name}/") for key in keys)

    s3.put_object(Bucket=bucket, Key="somebody/else", Body=b"1")
    done = project.dagy("destroy", project.name, "--yes")
    assert done.returncode == 0, done.stderr
    assert project.stack() is None
    left = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert left == [*keys, "somebody/else"]


def test_a_stack_with_every_setting_that_an_emulator_has_is_deployed(project):
    done = project.deploy(
        "--yes", "--xray", "--alarms", "--dashboard", "--notify", "me@example.org",
        "--log-retention", "7", "--destroy-data", "--role-path", "/teams/", "--no-public-ip",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    group = project.server.client("logs").describe_log_groups(
        logGroupNamePrefix=resource(project, "WorkerLogGroup")
    )["logGroups"]
    assert [each["retentionInDays"] for each in group] == [7]
    alarms = project.server.client("cloudwatch").describe_alarms(
        AlarmNames=[resource(project, "FailedAlarm")]
    )["MetricAlarms"]
    assert alarms[0]["AlarmActions"] == [resource(project, "Notifications")]


def test_a_wrong_setting_is_a_mistake_in_what_was_asked(project):
    done = project.deploy("--yes", "--log-retention", "31")
    assert (done.returncode, done.stderr.strip()) == (
        2,
        "error: options: log_retention_days: CloudWatch cannot keep logs for 31 days; 30 would do",
    )
