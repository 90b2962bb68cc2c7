"""The image of the generated Dockerfile, built for real and without a network."""

from tests.containers.fargate import docker

OUTPUT = {"rows": 5, "sum": 10, "stage": "prod", "big": 2**63 + 1}


def test_the_generated_dockerfile_makes_an_image_that_runs_the_flow(build, fargate, image_of):
    _, bundle = build("mixed")
    own = fargate.run_on_containers(
        bundle, {"n": 5}, image=image_of(bundle), own_entry_point=True
    ).outcome
    assert (own.cause, own.output) == (None, OUTPUT)


def test_it_runs_the_flow_by_what_the_task_definition_says_too(build, fargate, image_of, tmp_path):
    """ECS lets the entry point of a task definition beat the image's; here the image's is taken out."""
    _, bundle = build("mixed")
    cleared = tmp_path / "cleared"
    cleared.mkdir()
    (cleared / "Dockerfile").write_text(f"FROM {image_of(bundle)}\nENTRYPOINT []\n")
    given = fargate.run_on_containers(bundle, {"n": 5}, image=image_of(cleared)).outcome
    assert (given.cause, given.output) == (None, OUTPUT)


def test_its_tasks_do_not_run_as_root(build, image_of):
    _, bundle = build("mixed")
    command = ["run", "--rm", "--entrypoint=id", image_of(bundle), "--user", "--name"]
    assert docker(*command) == "worker"
