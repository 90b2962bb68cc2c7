"""ministack with the versions of Step Functions. ministack's own Python runs this file.

What AWS has and ministack 1.5 lacks, built on ministack's own API:

- CloudFormation makes `AWS::StepFunctions::StateMachineVersion` and `StateMachineAlias`;
- an execution runs the definition of the version that it was started by, or that the machine had
  then, whatever becomes of the machine (Step Functions developer guide, "State machine versions"),
  and says which version and alias that was; they are listed by version and by alias;
- a state that invokes a version of a function gets the code of that version, and so does who asks
  for it;
- each branch of a Parallel has variables, and a task token, of its own;
- the history tells which Tasks of a branch are entered, as it does of others.
"""

import contextvars
import copy
import functools
import json

from ministack import app
from ministack.services import lambda_svc
from ministack.services import stepfunctions as sfn
from ministack.services.cloudformation import provisioners

VERSION = "AWS::StepFunctions::StateMachineVersion"
ALIAS = "AWS::StepFunctions::StateMachineAlias"


def answer_of(response):
    """What an API call answers; what it refuses is a failure of the resource."""
    status, _, body = response
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(f"{answer.get('__type')}: {answer.get('message')}")
    return answer


def create_version(logical_id, properties, stack):
    given = {
        "stateMachineArn": properties["StateMachineArn"],
        "revisionId": properties["StateMachineRevisionId"],
        "description": properties.get("Description", ""),
    }
    arn = answer_of(sfn._publish_state_machine_version(given))["stateMachineVersionArn"]
    return arn, {"Arn": arn}


def delete_version(arn, properties):
    answer_of(sfn._delete_state_machine_version({"stateMachineVersionArn": arn}))


def routing(properties):
    return [
        {"stateMachineVersionArn": each["StateMachineVersionArn"], "weight": int(each["Weight"])}
        for each in properties["RoutingConfiguration"]
    ]


def create_alias(logical_id, properties, stack):
    given = {"name": properties["Name"], "routingConfiguration": routing(properties)}
    arn = answer_of(sfn._create_state_machine_alias(given))["stateMachineAliasArn"]
    return arn, {"Arn": arn}


def update_alias(arn, old, new, stack):
    given = {"stateMachineAliasArn": arn, "routingConfiguration": routing(new)}
    answer_of(sfn._update_state_machine_alias(given))
    return arn, {"Arn": arn}


def delete_alias(arn, properties):
    answer_of(sfn._delete_state_machine_alias({"stateMachineAliasArn": arn}))


def register():
    """Let CloudFormation make versions and aliases, and delete them with their machine."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[VERSION] = {"create": create_version, "delete": delete_version}
    handlers[ALIAS] = {"create": create_alias, "update": update_alias, "delete": delete_alias}
    replacing = provisioners._REPLACING_PROPERTIES
    replacing[VERSION] = ("Description", "StateMachineArn", "StateMachineRevisionId")
    replacing[ALIAS] = ("Name",)

    machine = handlers["AWS::StepFunctions::StateMachine"]
    delete = machine["delete"]

    def delete_machine(arn, properties):
        delete(arn, properties)
        for kept in (sfn._state_machine_versions, sfn._state_machine_aliases):
            for each in [each for each in kept if each.startswith(f"{arn}:")]:
                del kept[each]

    machine["delete"] = delete_machine


RUNNING = contextvars.ContextVar("running", default=None)
"""The machine as an execution found it when it began, for what runs that execution."""

FIELDS = ("stateMachineVersionArn", "stateMachineAliasArn")

start_execution = sfn._start_execution
start_sync_execution = sfn._start_sync_execution
list_executions = sfn._list_executions
describe_execution = sfn._describe_execution


class Machines(type(sfn._state_machines)):
    """The machines as they are; within an execution, its own as it was."""

    __slots__ = ()

    def get(self, arn, default=None):
        own = RUNNING.get()
        if own is not None and own["stateMachineArn"] == arn:
            return own
        return super().get(arn, default)


def started(start, given):
    """Start an execution of the machine, the version, or what the alias leads to, as it is now."""
    arn = given.get("stateMachineArn", "")
    base = sfn._resolve_state_machine_arn(arn)
    if base is None:
        return start(given)
    version = sfn._state_machine_versions.get(sfn._execution_version_arn(arn)) or {}
    context = contextvars.copy_context()
    context.run(RUNNING.set, copy.deepcopy({**sfn._state_machines[base], **version}))
    response = context.run(start, {**given, "stateMachineArn": base})
    if response[0] < 400:
        execution = sfn._executions[json.loads(response[2])["executionArn"]]
        if version:
            execution["stateMachineVersionArn"] = version["stateMachineVersionArn"]
        if arn in sfn._state_machine_aliases:
            execution["stateMachineAliasArn"] = arn
    return response


def describe(given):
    """Say of an execution which version and alias it was started by."""
    response = describe_execution(given)
    if response[0] >= 400:
        return response
    answer = json.loads(response[2])
    execution = sfn._executions[answer["executionArn"]]
    answer |= {field: execution[field] for field in FIELDS if field in execution}
    return sfn.json_response(answer)


def listed(given):
    """List the executions of a machine, or those that a version or an alias started."""
    arn = given.get("stateMachineArn")
    base = sfn._resolve_state_machine_arn(arn)
    if base is None:
        return list_executions(given)
    answer = answer_of(list_executions({**given, "stateMachineArn": base, "maxResults": 1000}))
    answer["executions"] = [
        {**each, **{field: execution[field] for field in FIELDS if field in execution}}
        for each in answer["executions"]
        if (execution := sfn._executions[each["executionArn"]])
        and arn in {base, *(execution.get(field) for field in FIELDS)}
    ]
    return sfn.json_response(answer)


def execution_record_for_config(function, config):
    """What runs when a version is invoked: its code, and not the latest."""
    version = (function or {}).get("versions", {}).get(config.get("Version"), {})
    return {**(function or {}), **version, "config": config}


run_sub_machine = sfn._run_sub_machine


def run_branch(states, start_at, given, execution, context, *others):
    """Run a branch that sees what is around it, and changes nothing there."""
    context = {**copy.deepcopy(context), "is_branch": True}
    return run_sub_machine(states, start_at, given, execution, context, *others)


execute_task = sfn._execute_task


def enter_task(state, given, execution, context):
    """Run a Task, and tell that it is entered, where nobody has."""
    if context.get("is_branch"):
        entered = {"name": context["State"]["Name"], "input": json.dumps(given)}
        sfn._add_event(execution, "TaskStateEntered", {"stateEnteredEventDetails": entered})
    return execute_task(state, given, execution, context)


get_function = lambda_svc._get_function
serve_function_code = lambda_svc.serve_function_code


def get_version(name, qualifier=None):
    """Say where the code of a version is, and not that of the latest."""
    response = get_function(name, qualifier)
    if response[0] >= 400 or not (qualifier or "").isdigit():
        return response
    answer = json.loads(response[2])
    code = answer.get("Code", {})
    if "Location" in code:
        code["Location"] = code["Location"].replace(f"/{name}?", f"/{name}:{qualifier}?")
    return lambda_svc.json_response(answer)


def serve_version(name, account_id=None, region=None):
    """Serve the code of a version."""
    name, _, version = name.partition(":")
    if not version:
        return serve_function_code(name, account_id, region)
    function = lambda_svc._functions.get_scoped(account_id, region, name)
    content = function["versions"][version]["code_zip"]
    return 200, {"Content-Type": "application/zip"}, content


def teach():
    """Change ministack."""
    register()
    lambda_svc._execution_record_for_config = execution_record_for_config
    lambda_svc._get_function = get_version
    lambda_svc.serve_function_code = serve_version
    sfn._state_machines.__class__ = Machines
    sfn._run_sub_machine = run_branch
    sfn._execute_task = enter_task
    sfn._start_execution = functools.partial(started, start_execution)
    sfn._start_sync_execution = functools.partial(started, start_sync_execution)
    sfn._describe_execution = describe
    sfn._list_executions = listed


if __name__ == "__main__":
    teach()
    app.main()
