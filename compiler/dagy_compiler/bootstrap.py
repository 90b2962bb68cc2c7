"""What a container does first: fetch the flow's code if need be, and run the worker on it.

The text of this file is the command of the container, so it imports nothing of Dagy's. An image of
the generated Dockerfile has the code and boto3 in it, and goes straight on. The public Python image
has neither; boto3 is installed then, as Lambda's runtime has it too, and tasks may use it.

The task definition says which bytes it was deployed with, by their SHA-256. What was fetched is
compared before anything of it is unpacked: code that somebody put in its place is not run.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile


class RefusedError(Exception):
    """What was fetched is not what was deployed."""


def main() -> None:
    """Make `dagy` and boto3 importable, and become the worker."""
    if importlib.util.find_spec("boto3") is None:
        packages = tempfile.mkdtemp()
        command = [sys.executable, "-m", "pip", "install", "-q", "--root-user-action=ignore"]
        subprocess.run([*command, "--target", packages, "boto3<2"], check=True)
        sys.path.insert(0, packages)
    if importlib.util.find_spec("dagy") is None:
        try:
            code = fetched("ARTIFACT")
            # As on Lambda: the code first, then its packages, then what was there before.
            paths = [code]
            if "DAGY_DEPENDENCIES_KEY" in os.environ:
                paths.append(os.path.join(fetched("DEPENDENCIES"), "python"))
        except RefusedError as error:
            refuse(str(error))
        sys.path[:0] = paths
        os.chdir(code)
    # Processes of their own (isolation="process") find what this one does.
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    os.execv(sys.executable, [sys.executable, "-m", "dagy.container"])


def fetched(what: str) -> str:
    """Return a new folder with an archive of the deployment in it.

    Args:
        what: the part of the environment's variables that say where it is and which it is.
    """
    import boto3

    folder = tempfile.mkdtemp()
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        bucket, key = os.environ["DAGY_ARTIFACT_BUCKET"], os.environ[f"DAGY_{what}_KEY"]
        shutil.copyfileobj(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"], file)
        file.seek(0)
        found, expected = hashlib.file_digest(file, "sha256"), os.environ[f"DAGY_{what}_SHA256"]
        if found.hexdigest() != expected:
            raise RefusedError(f"s3://{bucket}/{key} is not what was deployed: deploy it again")
        with zipfile.ZipFile(file) as archive:
            unpack(archive, folder)
    return folder


def unpack(archive: zipfile.ZipFile, folder: str) -> None:
    """Unpack an archive, unless a name in it leads out of the folder."""
    root = os.path.realpath(folder)
    for name in archive.namelist():
        if not os.path.realpath(os.path.join(root, name)).startswith(root + os.sep):
            raise RefusedError(f"the artifact has a file that leads out of its folder: {name!r}")
    archive.extractall(root)


def refuse(why: str) -> None:
    """Fail the task that waits for this container, and end."""
    import boto3

    boto3.client("stepfunctions").send_task_failure(
        taskToken=os.environ["DAGY_TASK_TOKEN"], error="BundleError", cause=why
    )
    sys.exit(why)


if __name__ == "__main__":
    main()
