#!/bin/sh
# The unit remotegpu-upgrade: lets the new version's own program judge its upgrade, and where that cannot run, puts the
# version before back and starts it. Nothing but a shell and systemctl is needed for that.
#   upgrade.sh FOLDER-OF-VERSIONS OPTIONS-OF-THE-PROGRAM ...
set -u
opt=${1%/}
shift
units="remotegpu-agent.service remotegpu-files.service"
unit_files=/etc/systemd/system
for option; do case $option in --units=*) unit_files=${option#--units=} ;; esac done
unit_files=${unit_files%/}
field() { sed -n "s/.*\"$2\":\"\([A-Za-z0-9._-]*\)\".*/\1/p" "$opt/$1" 2>/dev/null; }
program() { # SECONDS VERSION COMMAND OPTIONS: one that hangs is ended
  seconds=$1 folder=$opt/$2 command=$3
  shift 3
  timeout -k 5 "$seconds" "$folder/node" "$folder/upgrade.mjs" --opt="$opt" "$@" "$command"
}

# A request is fetched and checked by the version that is trusted. The first release cannot: install.sh has done it then.
if [ ! -e "$opt/upgrade.json" ] && [ -e "$opt/committed/upgrade.mjs" ]; then program 1800 committed prepare "$@"; fi
to=$(field upgrade.json to)
to=${to:-$(field upgrade-request.json version)}
[ -n "$to" ] || exit 0
for try in 1 2 3; do
  while code=0 && { program 300 "$to" run "$@" || code=$?; } && [ "$code" = 75 ]; do :; done
  [ "$code" != 0 ] || exit 0
  echo "the program of $to ended with $code (try $try of 3)" >&2
  sleep 1
done

# Nothing has begun, or nothing is left to undo.
[ -e "$opt/upgrade.json" ] || { rm -f "$opt/upgrade-request.json"; exit 1; }
phase=$(field upgrade.json phase)
[ "$phase" != committing ] || exit 1
if [ "$phase" != checking ]; then
  from=$(field upgrade.json from)
  [ -x "$opt/$from/node" ] || exit 1
  rm -f "$opt/.current.undo"
  ln -s "$from" "$opt/.current.undo" && mv -fT "$opt/.current.undo" "$opt/current" && sync "$opt" || exit 1
  systemctl stop $units
  # Those of the new version may start what the version before does not have. Each is replaced in one step.
  for unit in $units; do
    [ -f "$opt/.units-before/$unit" ] || continue
    draft=$unit_files/.$unit.undo
    cp "$opt/.units-before/$unit" "$draft" && sync "$draft" && mv -fT "$draft" "$unit_files/$unit" && sync "$unit_files"
  done
  # Not needlessly: it takes GPUs from containers that an older runtime gave them to.
  case $(systemctl show --property=NeedDaemonReload --value $units) in *yes*) systemctl daemon-reload ;; esac
  systemctl reset-failed $units
  systemctl start --no-block $units
fi
mv -f "$opt/upgrade.json" "$opt/upgrade-failed.json" && sync "$opt"
[ ! -e "$opt/committed/upgrade.mjs" ] || program 300 committed prepare "$@"
exit 1
