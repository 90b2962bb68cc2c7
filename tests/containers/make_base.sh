#!/usr/bin/env bash
# Make the file system that containers of the tests run on: Debian's Python, pip and boto3.
#
#   make_base.sh PYTHON OUT.tar
#
# It stands for the public Python image, so that no registry need be reached. PYTHON is one with pip.
set -euo pipefail
python="$1" out="$2"

fail() { echo "make test-containers: $1" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "the base image is made as root; run it as root, as CI does"
if ! command -v debootstrap >/dev/null; then
  command -v apt-get >/dev/null || fail "debootstrap is not there, and no apt-get to install it"
  (apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap) >/dev/null 2>&1 ||
    fail "apt-get could not install debootstrap"
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mirror="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | sed -n 1p)"
debootstrap --variant=minbase --include=python3,python3-pip,ca-certificates bookworm \
  "$work/root" "${mirror:-http://deb.debian.org/debian}" >"$work/log" 2>&1 ||
  { tail -n 5 "$work/log" >&2; fail "debootstrap could not make a Debian from ${mirror:-its mirror}"; }
# As in the public image: the command is `python`, and pip may install.
ln -s python3 "$work/root/usr/bin/python"
rm -f "$work"/root/usr/lib/python3.*/EXTERNALLY-MANAGED "$work"/root/var/cache/apt/archives/*.deb
packages="$(echo "$work"/root/usr/local/lib/python3.*/dist-packages)"
"$python" -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --target "$packages" "boto3<2" 2>"$work/log" ||
  { tail -n 5 "$work/log" >&2; fail "pip could not install boto3 into the base image"; }
mkdir -p "$(dirname "$out")"
tar -C "$work/root" -cf "$work/base.tar" .
mv "$work/base.tar" "$out"
