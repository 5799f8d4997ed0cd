#!/bin/sh
# Joins this host to a RemoteGPU control plane, or upgrades the agent of a host that has joined:
#
#   curl -fsS https://CONTROL-PLANE/install.sh | sh -s -- --server https://CONTROL-PLANE --token TOKEN
#
# Run again (no token needed) it fetches what has changed and hands it to the unit remotegpu-upgrade, which switches to it,
# watches over it and takes it back where it fails. From the package remotegpu-agent it takes the release that lies there
# (--release) in place of a download. Containers run on throughout, and so do connections to them: the access process hands
# over to the new version by itself once it is committed.
# Everything is fetched and checked before anything is changed, and on the disk before it is switched to.
set -eu
umask 022

fetch_seconds=600
service=remotegpu-agent.service
access=remotegpu-access.service
files=remotegpu-files.service
# Those that follow the committed version; the agent and the files process follow the current one.
committed_units="$access remotegpu-upgrade.service remotegpu-upgrade.timer remotegpu-upgrade-cleanup.service remotegpu-upgrade-cleanup.timer"
timers="remotegpu-upgrade.timer remotegpu-upgrade-cleanup.timer"
line_end='
'

usage() {
  cat <<'USAGE'
usage: install.sh [--server URL] [--token TOKEN] [options]

  --server URL            the control plane; not needed when this host has joined
  --token TOKEN           one-use join token; not needed when this host has joined
  --ca-fingerprint HEX    SHA-256 of the control plane's CA certificate, where it has a CA of its own
  --name NAME             how the host is called; default: its host name
  --simulated-gpus N      carry N simulated GPUs (0 to 16), for trying things out on a host without GPUs
  --no-docker             do not install a container runtime when there is none
  --no-systemd            do not install a unit; the agent is started by other means
  --release FOLDER        take the agent from FOLDER instead of the control plane; a host that has not joined and is
                          given no token gets the files alone
  --prefix FOLDER         install below FOLDER instead of /
USAGE
}

say() { printf '==> %s\n' "$*"; }
fail() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

# ---- what is asked for ----

read_options() {
  server='' token='' ca_fingerprint='' name='' simulated_gpus='' release='' prefix='' docker=yes systemd=yes
  while [ $# -gt 0 ]; do
    case $1 in
      --no-docker) docker=no ;;
      --no-systemd) systemd=no ;;
      -h | --help) usage && exit 0 ;;
      --server | --token | --ca-fingerprint | --name | --simulated-gpus | --release | --prefix)
        [ $# -gt 1 ] || fail "$1 needs a value"
        case $1 in
          --server) server=${2%/} ;;
          --token) token=$2 ;;
          --ca-fingerprint) ca_fingerprint=$(printf %s "$2" | tr -d : | tr A-F a-f) ;;
          --name) name=$2 ;;
          --simulated-gpus) simulated_gpus=$2 ;;
          --release) release=${2%/} ;;
          --prefix) prefix=${2%/} ;;
        esac
        shift
        ;;
      *) usage >&2 && fail "there is no option $1" ;;
    esac
    shift
  done
  opt=$prefix/opt/remotegpu
  etc=$prefix/etc/remotegpu
  state=$prefix/var/lib/remotegpu
  units=$prefix/etc/systemd/system
}

# Values land in a file that both the shell and systemd read, so they hold nothing that either would interpret.
check_value() { # OPTION VALUE PATTERN
  case $2 in
    "") return 0 ;;
    *"$line_end"*) ;;
    *) if printf '%s\n' "$2" | grep -Eqx "$3"; then return 0; fi ;;
  esac
  fail "the value of $1 is not valid: $2"
}

check_options() {
  check_value --server "$server" 'https?://[][A-Za-z0-9.:_-]+(/[A-Za-z0-9._/-]*)?'
  check_value --token "$token" '[A-Za-z0-9._-]{8,200}'
  check_value --ca-fingerprint "$ca_fingerprint" '[0-9a-f]{64}'
  check_value --name "$name" '[A-Za-z0-9][A-Za-z0-9 ._-]{0,127}'
  check_value --simulated-gpus "$simulated_gpus" '[0-9]|1[0-6]'
  check_value --release "$release" '/[A-Za-z0-9._/-]*'
  check_value --prefix "$prefix" '/[A-Za-z0-9._/-]*'
}

# ---- what this host is ----

check_host() {
  [ "$(uname -s)" = Linux ] || fail "the agent runs on Linux, and this is $(uname -s)"
  [ "$(uname -m)" = x86_64 ] || fail "the agent runs on x86_64, and this host is $(uname -m)"
  for tool in curl sha256sum base64 flock; do
    command -v "$tool" >/dev/null || fail "$tool is missing; install it and run this again"
  done
  [ -n "$prefix" ] || [ "$(id -u)" = 0 ] || fail "run this as root (for example: … | sudo sh -s -- …)"
  if [ "$systemd" = yes ] && [ ! -d "$prefix/run/systemd/system" ]; then
    fail "systemd does not run here; with --no-systemd you start the agent yourself"
  fi
}

take_lock() {
  mkdir -p "$opt" "$etc" "$state"
  chmod 700 "$etc" "$state"
  exec 9>"$opt/.lock"
  flock -n 9 || fail "another install.sh is at work in $opt"
}

earlier() { # NAME: the setting that an earlier run wrote, if any
  if [ -f "$etc/agent.env" ]; then sed -n "s/^$1=\"\(.*\)\"$/\1/p" "$etc/agent.env"; fi
}

# What earlier runs wrote stays, unless this one says otherwise.
settle_settings() {
  server=${server:-$(earlier REMOTEGPU_SERVER)}
  name=${name:-$(earlier REMOTEGPU_HOST_NAME)}
  simulated_gpus=${simulated_gpus:-$(earlier REMOTEGPU_SIMULATED_GPUS)}
  ca_fingerprint=${ca_fingerprint:-$(earlier REMOTEGPU_CA_SHA256)}
  joined_server=
  if [ -f "$etc/joined" ]; then joined_server=$(cat "$etc/joined"); fi
  files_only=no
  if [ -n "$release" ] && [ -z "$joined_server$token" ]; then
    files_only=yes
    return 0
  fi
  [ -n "$server" ] || fail "say where the control plane is: --server https://…"
  [ -n "$joined_server" ] || [ -n "$token" ] || fail "this host has not joined yet and needs a token: --token …"
  if [ -n "$joined_server" ] && [ "$joined_server" != "$server" ]; then
    fail "this host belongs to $joined_server; to move it to $server, remove $etc and $state first"
  fi
  name=${name:-$(uname -n)}
  check_value --name "$name" '[A-Za-z0-9][A-Za-z0-9 ._-]{0,127}'
  simulated_gpus=${simulated_gpus:-0}
  printf %s "$server" | grep -Eqx 'https://.*|http://(127(\.[0-9]{1,3}){3}|localhost|\[::1\])(:[0-9]+)?(/.*)?' ||
    fail "$server is neither https nor this host itself: what it sends could be anybody's"
}

# What Docker's package only recommends is left out (tools that restart services, Python, Git, …), but for the
# profiles that guard containers and, since Debian 13, the docker command.
apt_docker() {
  # Just after a host's start, its own upgrade may hold apt for a while. A source that fails may be of no account.
  apt="apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300"
  $apt update || true
  set -- docker.io apparmor
  if apt-cache show docker-cli >/dev/null 2>&1; then set -- "$@" docker-cli; fi
  DEBIAN_FRONTEND=noninteractive $apt install --no-install-recommends "$@"
}

install_docker() {
  if command -v dockerd >/dev/null || [ -S /var/run/docker.sock ] || [ "$docker" = no ]; then return 0; fi
  command -v apt-get >/dev/null || fail "there is no Docker here, and no apt-get to install it; install it and run this again"
  say "Docker is missing: installing docker.io"
  if [ ! -e /etc/docker/daemon.json ]; then
    mkdir -p /etc/docker
    printf '{\n  "features": { "cdi": true },\n  "live-restore": true,\n  "max-concurrent-downloads": 12\n}\n' >/etc/docker/daemon.json
  fi
  apt_docker </dev/null >&2 || fail "docker.io could not be installed"
}

# ---- the bundle ----

fetch() { # NAME FILE
  curl -fsS --max-time "$fetch_seconds" --retry 3 --proto '=http,https' $ca_option -o "$2" "$server/bundles/$1" ||
    fail "cannot download $server/bundles/$1"
}

# The package's files are linked where the disk allows it: the release lies there once.
provide() { # NAME FILE
  if [ -z "$release" ]; then
    fetch "$1" "$2"
  else
    ln "$release/$1" "$2" 2>/dev/null || cp "$release/$1" "$2" || fail "cannot read $release/$1; install its package again"
  fi
}

# A CA of the control plane's own is known by its fingerprint from the command line and then trusted for all else.
trust_ca() {
  ca_option=
  if [ -z "$ca_fingerprint" ]; then return 0; fi
  if [ ! -f "$etc/ca.pem" ] || ! is_pinned "$etc/ca.pem"; then
    ca_option=--insecure
    fetch ca.pem "$work/fetched"
    is_pinned "$work/fetched" ||
      fail "the CA of $server is not the one that --ca-fingerprint names; nothing was installed"
    # Made anew of the bytes that were checked: what else the fetched file may hold is not trusted.
    { echo '-----BEGIN CERTIFICATE-----' && base64 "$work/der" && echo '-----END CERTIFICATE-----'; } >"$work/ca.pem"
    replace 644 "$work/ca.pem" "$etc/ca.pem"
  fi
  ca_option="--cacert $etc/ca.pem"
}

is_pinned() { # PEM-FILE
  sed '/-----/d' "$1" | base64 -d >"$work/der" 2>/dev/null && [ "$(hash_of "$work/der")" = "$ca_fingerprint" ]
}

hash_of() { sha256sum <"$1" | cut -d ' ' -f 1; }

fetch_bundle() {
  source=${release:-$server/bundles}
  provide MANIFEST "$work/MANIFEST"
  version=$(sed -n '1s/^remotegpu-agent \([A-Za-z0-9][A-Za-z0-9._-]*\)$/\1/p' "$work/MANIFEST")
  [ -n "$version" ] || fail "$source/MANIFEST is not the list of an agent's bundle"
  sed 1d "$work/MANIFEST" >"$work/files"
  while read -r hash mode file; do check_line "$hash" "$mode" "$file"; done <"$work/files"
  # The upgrade unit verifies it by the operator's key, and takes no release without one where there is a key.
  if [ -f "$etc/release.pub" ]; then provide MANIFEST.sig "$work/MANIFEST.sig"; fi
  grep -q ' 755 node$' "$work/files" && grep -q ' agent\.mjs$' "$work/files" ||
    fail "the bundle in $source has no agent in it"
  find_damage
  if [ -d "$opt/$version" ] && [ -z "$damage" ]; then
    say "version $version is here already"
    return 0
  fi
  if [ -d "$opt/$version" ]; then
    say "version $version is here and damaged:$damage; mending it"
  else
    say "fetching version $version"
  fi
  mkdir "$work/bundle"
  while read -r hash mode file; do
    if is_whole "$opt/$version" "$hash" "$mode" "$file"; then continue; fi
    take_unchanged "$hash" "$file" || provide "$file" "$work/bundle/$file"
    [ "$(hash_of "$work/bundle/$file")" = "$hash" ] ||
      fail "$file of $source is damaged: its hash is not the one in the list; nothing was installed"
    chmod "$mode" "$work/bundle/$file"
    to_disk "$work/bundle/$file"
  done <"$work/files"
  for list in MANIFEST MANIFEST.sig; do
    if [ -f "$work/$list" ]; then
      cp "$work/$list" "$work/bundle/$list"
      to_disk "$work/bundle/$list"
    fi
  done
  to_disk "$work/bundle"
  if [ -d "$opt/$version" ]; then mend; else mv "$work/bundle" "$opt/$version"; fi
  to_disk "$opt/$version" "$opt"
}

# What of a version that is here is not as the list says: after a loss of power a file may be torn, empty or missing.
find_damage() {
  damage=''
  [ -d "$opt/$version" ] || return 0
  while read -r hash mode file; do
    is_whole "$opt/$version" "$hash" "$mode" "$file" || damage="$damage $file"
  done <"$work/files"
  for list in MANIFEST MANIFEST.sig; do
    if [ -f "$work/$list" ] && ! cmp -s "$work/$list" "$opt/$version/$list"; then damage="$damage $list"; fi
  done
  { sed 's/^[^ ]* [^ ]* //' "$work/files" && printf 'MANIFEST\nMANIFEST.sig\n'; } >"$work/names"
  ls -A "$opt/$version" | grep -vxF -f "$work/names" >"$work/strangers" || true
  while read -r stranger; do damage="$damage $stranger"; done <"$work/strangers"
}

is_whole() { # FOLDER HASH MODE NAME
  [ -f "$1/$4" ] && [ ! -L "$1/$4" ] && [ "$(stat -c %a "$1/$4")" = "$3" ] && [ "$(hash_of "$1/$4")" = "$2" ]
}

# File by file, each in one step: what was whole stays, so that at no moment less of it is whole than before.
mend() {
  for file in "$work/bundle"/*; do
    [ -e "$file" ] || continue
    # A folder in its place would take it in.
    if [ -d "$opt/$version/${file##*/}" ]; then rm -rf "${opt:?}/$version/${file##*/}"; fi
    mv -f "$file" "$opt/$version/${file##*/}"
  done
  while read -r stranger; do rm -rf "${opt:?}/$version/$stranger"; done <"$work/strangers"
  # What runs may have come from it.
  if [ "$(readlink "$opt/current" || true)" = "$version" ]; then changed=yes; fi
}

# A name may be on the disk before what it names. A sync that knows no files, as in a small busybox, ignores them and
# writes down everything there is.
to_disk() { # FILE-OR-FOLDER ...
  sync "$@" || fail "the disk of $opt does not take what is written there; nothing was switched"
}

check_line() { # HASH MODE NAME
  printf '%s %s %s\n' "$1" "$2" "$3" | grep -Eqx '[0-9a-f]{64} (644|755) [A-Za-z0-9_-][A-Za-z0-9._-]{0,100}' ||
    fail "the list of the bundle has a line that cannot be right: $1 $2 $3"
}

# Node is most of a bundle and seldom changes.
take_unchanged() { # HASH NAME
  [ -z "$release" ] && [ -f "$opt/current/$2" ] && [ "$(hash_of "$opt/current/$2")" = "$1" ] && cp "$opt/current/$2" "$work/bundle/$2"
}

replace() { # MODE SOURCE TARGET: in one step; says by its status whether anything changed
  if [ -f "$3" ] && cmp -s "$2" "$3"; then return 0; fi
  cp "$2" "$3.new"
  chmod "$1" "$3.new"
  to_disk "$3.new"
  mv "$3.new" "$3"
  to_disk "$(dirname "$3")"
  changed=yes
}

link_to() { # LINK VERSION: in one step
  ln -sfn "$2" "$opt/$1.new"
  mv -T "$opt/$1.new" "$opt/$1"
  to_disk "$opt"
}

# Where an agent runs that systemd looks after, the upgrade unit switches, and nothing else. Here it is done where nothing
# runs yet, or where no unit could watch over it.
activate() {
  before=$(readlink "$opt/current" || true)
  hands_over=no
  if [ "$systemd" = yes ] && [ -n "$joined_server" ] && [ -d "$opt/${before:-.none}" ]; then
    # A host from before there was an upgrade unit.
    [ -L "$opt/committed" ] || link_to committed "$before"
    if [ "$before" != "$version" ]; then hands_over=yes; fi
    return 0
  fi
  if [ "$before" != "$version" ]; then
    if [ -n "$before" ]; then link_to previous "$before"; fi
    link_to current "$version"
    changed=yes
  fi
  if [ "$(readlink "$opt/committed" || true)" != "$version" ]; then link_to committed "$version"; fi
}

versions() { # the newest first
  ls -1t "$opt" | while read -r name; do
    if [ -d "$opt/$name" ] && [ ! -L "$opt/$name" ]; then echo "$name"; fi
  done
}

# One version before this one stays, for the way back, and so does what is linked and what a process still runs from. Of
# what is handed over the upgrade unit knows more.
forget_old_versions() {
  if [ "$hands_over" = yes ] || [ -e "$opt/upgrade.json" ]; then return 0; fi
  earlier_version=$(readlink "$opt/previous" || echo "$version")
  first=2
  if [ "$earlier_version" != "$version" ]; then first=1; fi
  versions | grep -vxF -e "$version" -e "${before:-$version}" -e "$earlier_version" \
    -e "$(readlink "$opt/committed" || echo "$version")" |
    tail -n "+$first" |
    while read -r old; do
      if ! ls -l /proc/[0-9]*/exe 2>/dev/null | grep -qF " $opt/$old/"; then rm -rf "${opt:?}/$old"; fi
    done
}

# ---- settings, joining, the unit ----

write_settings() {
  {
    echo "# Written by install.sh, which keeps these values when it is run again."
    printf '%s="%s"\n' REMOTEGPU_SERVER "$server" REMOTEGPU_HOST_NAME "$name" \
      REMOTEGPU_SIMULATED_GPUS "$simulated_gpus" REMOTEGPU_STATE_DIR "$state"
    if [ -n "$ca_fingerprint" ]; then printf '%s="%s"\n' REMOTEGPU_CA_SHA256 "$ca_fingerprint"; fi
    # Lines that an operator added.
    if [ -f "$etc/agent.env" ]; then
      grep -Ev '^(#|REMOTEGPU_(SERVER|HOST_NAME|SIMULATED_GPUS|STATE_DIR|CA_SHA256)=)' "$etc/agent.env" || true
    fi
  } >"$work/agent.env"
  replace 600 "$work/agent.env" "$etc/agent.env"
}

# As systemd reads the file: NAME=value or NAME="value", and nothing in it is run.
export_settings() {
  while IFS= read -r line; do
    key=${line%%=*}
    case $key in "" | \#* | *[!A-Za-z0-9_]*) continue ;; esac
    value=${line#*=}
    value=${value#\"}
    export "$key=${value%\"}"
  done <"$etc/agent.env"
}

agent() { # COMMAND: of the agent that was just installed, with its settings
  (
    export_settings
    exec "$opt/current/node" "$opt/current/agent.mjs" "$1" </dev/null
  )
}

# A host that the control plane has taken out of its fleet joins as a new one; any other stays what it is.
rejoin_removed() {
  if ! reason=$(agent is-removed 2>&1); then
    say "this host has joined $joined_server before; the token was not used ($(printf '%s' "$reason" | tail -n 1))"
    say "to join as another host: end what it runs, remove $etc/joined and $state, and run this again"
    return 0
  fi
  say "$reason; it joins anew"
  if [ "$systemd" = yes ]; then systemctl stop "$service" "$access" "$files" || true; fi
  agent leave || fail "what this host ran before could not be ended; nothing was joined"
  rm -f "$etc/joined"
  joined_server=
  changed=yes
}

join_host() {
  if [ -n "$joined_server" ] && [ -n "$token" ]; then rejoin_removed; fi
  if [ -n "$joined_server" ]; then return 0; fi
  say "joining $server as $name"
  (
    export_settings
    # The token goes by the environment: a command line can be read by every user of the host.
    export REMOTEGPU_JOIN_TOKEN="$token"
    exec "$opt/current/node" "$opt/current/agent.mjs" join </dev/null
  ) || fail "this host could not join $server"
  printf '%s\n' "$server" >"$work/joined"
  replace 644 "$work/joined" "$etc/joined"
}

# Each of the version that it belongs to. A version from before there was an upgrade unit has none to give, and its access
# process has to be started from the committed version too.
place_units() {
  mkdir -p "$units"
  pool=$(earlier REMOTEGPU_POOL_FOLDER)
  for unit in "$files" "$service"; do place_unit "$opt/current" "$unit"; done
  owner=$opt/committed
  [ -f "$owner/remotegpu-upgrade.service" ] || owner=$opt/$version
  # None of these is a reason to start the agent anew.
  changed_before=$changed
  for unit in $committed_units; do place_unit "$owner" "$unit"; done
  if [ -f "$owner/upgrade.sh" ]; then
    cp "$owner/upgrade.sh" "$work/upgrade.sh"
    replace 644 "$work/upgrade.sh" "$opt/upgrade.sh"
  fi
  changed=$changed_before
  reload_units
}

place_unit() { # FOLDER UNIT
  [ -f "$1/$2" ] || return 0
  sed "s#/opt/remotegpu/#$opt/#g; s#/etc/remotegpu/#$etc/#g; s#/etc/systemd/system#$units#g; s#/var/lib/remotegpu/pool#${pool:-$state/pool}#g; s#-/var/lib/remotegpu/#-$state/#g" \
    "$1/$2" >"$work/$2"
  replace 644 "$work/$2" "$units/$2"
}

# When systemd has read its units anew and then starts one, device rules are gone that a runtime added to a container
# behind its back: NVIDIA's, of containers from before the agent gave them their nodes as devices. So it is done only where
# a unit is another one than systemd knows, also since a time that was cut short.
reload_units() {
  if systemctl show --property=NeedDaemonReload --value "$files" "$service" $committed_units | grep -qx yes; then
    systemctl daemon-reload
  fi
}

# Enabling reads all units anew, whether it changes anything or not.
enable_unit() { # UNIT
  if systemctl is-enabled --quiet "$1"; then return 0; fi
  systemctl enable --quiet "$1"
}

# Before the agent, which reports what it holds. One that runs is left alone, since connections go through it: it hands
# over by itself once it hears of another committed version.
start_access() {
  [ -f "$units/$access" ] || return 0
  enable_unit "$access"
  if systemctl is-active --quiet "$access"; then return 0; fi
  systemctl start "$access" ||
    say "the access process does not start (see: journalctl -u $access); until it does, this host has no ports"
}

# It keeps nothing: what was under way there is asked for again.
start_files() {
  [ -f "$opt/current/$files" ] || return 0
  # What is not there when it starts it could not write to.
  mkdir -p "$state/files" "$state/pool"
  enable_unit "$files"
  if [ "$changed" = no ] && systemctl is-active --quiet "$files"; then return 0; fi
  systemctl restart "$files" ||
    say "the files process does not start (see: journalctl -u $files); until it does, nobody reaches files of this host"
}

# They look whether an upgrade is under way, or a version can go.
start_timers() {
  for timer in $timers; do
    [ -f "$units/$timer" ] || continue
    enable_unit "$timer"
    if ! systemctl is-active --quiet "$timer"; then systemctl start "$timer"; fi
  done
}

# Returns once the new agent runs on probation, and not after it.
hand_over() {
  [ -f "$opt/$version/upgrade.mjs" ] || fail "version $version cannot judge itself, so it is not upgraded to; this host runs $before"
  say "handing version $version to the upgrade unit, which tries it beside $before and then switches"
  requested_by=install
  if [ -n "$release" ]; then requested_by=package; fi
  (
    export_settings
    exec "$opt/$version/node" "$opt/$version/upgrade.mjs" --opt="$opt" request --release="$version" \
      --manifest-sha256="$(hash_of "$opt/$version/MANIFEST")" --requested-by="$requested_by" </dev/null
  ) || fail "this host was not upgraded; it stays on $before"
}

install_unit() {
  if [ "$systemd" = no ]; then
    if [ -n "$before" ] && [ "$before" != "$version" ]; then
      say "without systemd nothing watches over an upgrade or takes it back; to go back from $version to $before by hand:"
      say "    ln -sfn $before $opt/current && ln -sfn $before $opt/committed"
    fi
    say "no unit was installed and nothing runs yet; start all three with the settings of $etc/agent.env:"
    for program in access files agent; do
      say "    sh -c 'set -a; . $etc/agent.env; exec $opt/current/node $opt/current/$program.mjs run'"
    done
    return 0
  fi
  place_units
  start_access
  start_files
  enable_unit "$service"
  start_timers
  if [ "$changed" = no ] && systemctl is-active --quiet "$service"; then
    if [ "$hands_over" = no ]; then say "nothing has changed; the agent runs on"; fi
  else
    say "starting the agent"
    # One that is just starting is waited for.
    verb=start
    if [ "$changed" = yes ]; then verb=restart; fi
    # One that does not start may be just what the new version mends.
    systemctl "$verb" "$service" || [ "$hands_over" = yes ] || fail "the agent does not start (see: journalctl -u $service)"
  fi
  if [ "$hands_over" = yes ]; then hand_over; fi
}

lay_files() {
  fetch_bundle
  activate
  forget_old_versions
  say "this host has version $version of the agent and has joined no control plane; to join:"
  say "    remotegpu-agent join --server https://CONTROL-PLANE --token TOKEN"
}

# All in one function at the end, so that a script cut short on its way does nothing.
main() {
  read_options "$@"
  check_options
  check_host
  take_lock
  settle_settings
  changed=no
  work=$(mktemp -d "$opt/.work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [ "$files_only" = yes ]; then
    lay_files
    return 0
  fi
  trust_ca
  fetch_bundle
  install_docker
  activate
  write_settings
  join_host
  install_unit
  forget_old_versions
  if [ "$systemd" = no ]; then
    say "this host has version $version of the agent"
  elif [ "$hands_over" = no ]; then
    say "this host runs version $version of the agent"
  fi
}

main "$@"
