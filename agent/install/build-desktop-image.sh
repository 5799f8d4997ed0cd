#!/bin/sh
# Builds an image that serves RDP, of Debian's packages alone, and imports it into this machine's Docker. No registry is
# asked: only the package mirror that this machine's apt knows, or that MIRROR names.
#
#   agent/install/build-desktop-image.sh NAME [PACKAGE...]
#
# PACKAGEs are a desktop and what is to be on it, in place of a window manager with a terminal. It needs mmdebstrap and
# root. What an image must have to serve RDP in an environment stands in terminal-and-desktop.md of the pages; this is all of it.
set -eu

[ $# -ge 1 ] || { echo "Usage: $0 NAME [PACKAGE...]" >&2; exit 2; }
command -v mmdebstrap >/dev/null || { echo "mmdebstrap is missing: apt-get install mmdebstrap" >&2; exit 1; }
name=$1
shift
[ $# -gt 0 ] || set -- icewm xterm
packages=$(IFS=,; echo "xrdp,xorgxrdp,x11-xserver-utils,$*")

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Keys that were made with the image would be those of everybody who has it: a container without them makes its own.
mmdebstrap --quiet --variant=minbase --include="$packages" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook='rm -f "$1"/etc/xrdp/rsakeys.ini "$1"/etc/xrdp/*.pem "$1"/etc/ssl/private/ssl-cert-snakeoil.key' \
  ${SUITE:-trixie} "$folder/root.tar" ${MIRROR:-}
docker import "$folder/root.tar" "$name" >/dev/null
echo "$name is there. An environment of it serves RDP with: remotegpu env create NAME --image $name --rdp on"
