"""What a container does first: fetch the flow's code if need be, and run the worker on it.

The text of this file is the command of the container, so it imports nothing of Dagy's. An image of
the generated Dockerfile has the code and boto3 in it, and goes straight on. The public Python image
has neither; boto3 is installed then, as Lambda's runtime has it too, and tasks may use it.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile


def main() -> None:
    """Make `dagy` and boto3 importable, and become the worker."""
    if importlib.util.find_spec("boto3") is None:
        packages = tempfile.mkdtemp()
        command = [sys.executable, "-m", "pip", "install", "-q", "--root-user-action=ignore"]
        subprocess.run([*command, "--target", packages, "boto3<2"], check=True)
        sys.path.insert(0, packages)
    if importlib.util.find_spec("dagy") is None:
        import boto3

        code = tempfile.mkdtemp()
        archive = os.path.join(code, "artifact.zip")
        bucket, key = os.environ["DAGY_ARTIFACT_BUCKET"], os.environ["DAGY_ARTIFACT_KEY"]
        boto3.client("s3").download_file(bucket, key, archive)
        with zipfile.ZipFile(archive) as artifact:
            artifact.extractall(code)
        os.remove(archive)
        sys.path.insert(0, code)
        os.chdir(code)
    # Processes of their own (isolation="process") find what this one does.
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    os.execv(sys.executable, [sys.executable, "-m", "dagy.container"])


if __name__ == "__main__":
    main()
