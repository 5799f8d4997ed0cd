#!/bin/sh
# nvidia-smi of a host whose cards are simulated: prints what the agent wrote into the state file, in the form
# that the real command has. Only what the shell itself can do is used (dash, busybox ash), so that it runs in
# a container that has nothing but this file and a shell. The first two values below are filled in by the agent.
state=@STATE@
# Faults to show, for tests of what happens to a failing card; the host's command alone looks. Lines of KIND|UUID|VALUE
# as simulated-faults.ts writes and explains them. What is printed follows what real ones printed.
faults=${state%/*}/faults
# How many samples of all cards were taken under these faults; the agent begins each with the CSV of all.
samples_file=${state%/*}/samples
in_container=@IN_CONTAINER@
driver=simulated

self=${0##*/}
wanted=all
query=summary
format=
fields=
xml=no

# ---- reading the state ----

in_list() { # VALUE LIST: is VALUE one of the comma-separated LIST?
  case ",$2," in *",$1,"*) return 0 ;; esac
  return 1
}

is_visible() { # in a container only the cards that it was given
  [ "$in_container" = yes ] || return 0
  case "${NVIDIA_VISIBLE_DEVICES:-none}" in
    all) return 0 ;;
    none | void) return 1 ;;
  esac
  in_list "$uuid" "$NVIDIA_VISIBLE_DEVICES" || in_list "$host_index" "$NVIDIA_VISIBLE_DEVICES"
}

is_wanted() { # named by --id
  [ "$wanted" = all ] || in_list "$index" "$wanted" || in_list "$uuid" "$wanted" || in_list "$bus" "$wanted" ||
    in_list "${bus#????}" "$wanted"
}

read_faults() { # sets what is wrong with the current card
  lost=no silent=no ecc=0 pending=No throttle= sign= needs_reset=no recovery=None fabric=N/A mig=Disabled
  spoils= hangs=no
  if [ "$in_container" = yes ] || [ ! -r "$faults" ]; then return 0; fi
  while IFS='|' read -r fault fault_uuid fault_value; do
    [ "$fault_uuid" = "$uuid" ] || continue
    # Every other sample shows the fault that it names, beginning with the first.
    if [ "$fault" = flap ]; then
      if [ $((samples % 2)) = 0 ]; then continue; fi
      fault=${fault_value%%'|'*}
      case $fault_value in *'|'*) fault_value=${fault_value#*'|'} ;; *) fault_value= ;; esac
    fi
    case $fault in
      lost | fall) lost=yes ;;
      silent) silent=yes ;;
      ecc) ecc=$fault_value ;;
      pending) pending=Yes ;;
      throttle) throttle=$fault_value ;;
      requires-reset) needs_reset=yes ;;
      lost-listed) sign=${fault_value:-GPU is lost} ;;
      # Its CSV says that all is well.
      lie) if [ "$xml" = yes ]; then sign='GPU is lost'; fi ;;
      recovery) recovery=$fault_value ;;
      fabric) fabric=$fault_value ;;
      mig) mig=Enabled ;;
      exit) spoils=$fault_value ;;
      hang) hangs=yes ;;
    esac
  done <"$faults"
}

count_samples() { # sets samples; a sample begins with the CSV of all cards
  samples=0
  if [ "$in_container" = yes ] || [ ! -r "$faults" ]; then return 0; fi
  if [ -r "$samples_file" ]; then read -r samples <"$samples_file"; fi
  if [ "$query" = gpu ] && [ "$wanted" = all ]; then
    samples=$((samples + 1))
    printf '%s\n' "$samples" >"$samples_file"
  fi
}

spoil() { # one card that cannot be reached makes the answer of all that were asked for useless
  if [ "$hangs" = yes ]; then exec sleep 3600; fi
  [ -n "$spoils" ] || return 0
  # Here the driver writes the PCI domain with four digits, elsewhere with eight.
  if [ "$spoils" = 255 ]; then
    printf 'Unable to determine the device handle for GPU %s: Unknown Error\n' "${bus#????}"
  else
    printf 'Unable to determine the device handle for GPU%s: %s: GPU is lost.  Reboot the system to recover this GPU\n' \
      "$index" "${bus#????}"
  fi
  exit "$spoils"
}

refuse_as_a_whole() { # CODE
  case $1 in
    9) printf "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. " ;;
    12) printf "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. " ;;
    *) printf 'Failed to initialize NVML: Unknown Error' ;;
  esac
  printf '\n'
  exit "$1"
}

fail_as_a_whole() {
  if [ "$in_container" = yes ] || [ ! -r "$faults" ]; then return 0; fi
  while IFS='|' read -r fault fault_uuid fault_value; do
    [ -z "$fault_uuid" ] || continue
    case $fault in
      hang) exec sleep 3600 ;;
      garbage) printf '\001\002 NVML: nothing that anybody could read <<<\n' && exit 0 ;;
      exit) refuse_as_a_whole "$fault_value" ;;
    esac
  done <"$faults"
}

each_card() { # COMMAND…: runs it for each card, with the card's values in variables; sets shown
  shown=0
  index=-1
  while IFS='|' read -r kind host_index uuid name bus total used_kib use heat power power_limit; do
    if [ "$kind" = stamp ]; then stamp=$host_index; fi
    if [ "$kind" != card ] || ! is_visible; then continue; fi
    index=$((index + 1))
    if ! is_wanted; then continue; fi
    read_faults
    if [ "$lost" = yes ]; then continue; fi
    used=$((used_kib / 1024))
    use=$(((use + 5) / 10))
    heat=$(((heat + 500) / 1000))
    watts "$power" && power=$value
    shown=$((shown + 1))
    "$@"
  done <"$state"
  [ "$shown" -gt 0 ]
}

each_process() { # COMMAND…: runs it for each process on the current card. Pids mean nothing inside a container
  if [ "$in_container" = yes ]; then return 0; fi
  each_process_in "$state" "$@"
  if [ -r "$faults" ]; then each_process_in "$faults" "$@"; fi
}

each_process_in() { # FILE COMMAND…
  processes=$1
  shift
  while IFS='|' read -r kind process_uuid pid process_mib; do
    if [ "$kind" = process ] && [ "$process_uuid" = "$uuid" ]; then "$@"; fi
  done <"$processes"
}

watts() { # MILLIWATTS: sets value to watts with two digits
  value=$(($1 % 1000 / 10))
  if [ "$value" -lt 10 ]; then value=0$value; fi
  value=$(($1 / 1000)).$value
}

count_card() { count=$((count + 1)); }

# ---- CSV ----

gpu_fields='timestamp driver_version kmd_version count name gpu_name serial gpu_serial uuid gpu_uuid pci.bus_id gpu_bus_id index
persistence_mode vbios_version fan.speed pstate memory.total memory.reserved memory.used memory.free compute_mode
compute_cap utilization.gpu utilization.memory ecc.mode.current ecc.errors.corrected.volatile.total
ecc.errors.uncorrected.volatile.total ecc.errors.uncorrected.aggregate.total temperature.gpu temperature.memory
power.management power.draw power.draw.average power.draw.instant power.limit enforced.power.limit
power.default_limit power.min_limit power.max_limit clocks.current.graphics clocks.current.sm
clocks.current.memory clocks.gr clocks.sm clocks.mem mig.mode.current mig.mode.pending gpu_recovery_action
fabric.state fabric.status fabric.health.summary'
app_fields='timestamp gpu_name gpu_bus_id gpu_serial gpu_uuid pid process_name used_gpu_memory used_memory'

unit_of() { # FIELD: sets unit
  case $1 in
    memory.* | used_memory | used_gpu_memory) unit=MiB ;;
    utilization.* | fan.speed) unit=% ;;
    power.management) unit= ;;
    power.* | enforced.power.limit) unit=W ;;
    clocks.*) unit=MHz ;;
    *) unit= ;;
  esac
}

sick_value_of() { # FIELD: sets value to what the current card says instead of a reading; fails where it says the reading
  case $silent,$1 in
    yes,memory.used | yes,memory.free | yes,utilization.* | yes,temperature.* | yes,power.draw*)
      value='[N/A]'
      return 0
      ;;
  esac
  if [ -n "$sign" ]; then
    case $sign in *'!') value=$sign ;; *) value="[$sign]" ;; esac
    case $1 in
      memory.* | utilization.* | temperature.* | power.draw* | ecc.errors.* | clocks.* | fabric.*) ;;
      gpu_recovery_action) value='[N/A]' ;;
      *) return 1 ;;
    esac
    return 0
  fi
  case $needs_reset,$mig,$1 in
    yes,*,utilization.* | yes,*,temperature.*) value='[GPU requires reset]' ;;
    yes,*,memory.used) value=0 ;;
    yes,*,memory.free) value=$total ;;
    *,Enabled,utilization.*) value='[N/A]' ;;
    *) return 1 ;;
  esac
}

value_of() { # FIELD: sets value
  if sick_value_of "$1"; then return 0; fi
  case $1 in
    timestamp) value=$stamp ;;
    driver_version | kmd_version) value=$driver ;;
    count) value=$count ;;
    name | gpu_name) value=$name ;;
    uuid | gpu_uuid) value=$uuid ;;
    pci.bus_id | gpu_bus_id) value=$bus ;;
    index) value=$index ;;
    persistence_mode | power.management) value=Enabled ;;
    pstate) if [ "$use" -gt 0 ]; then value=P0; else value=P8; fi ;;
    memory.total) value=$total ;;
    memory.reserved) value=0 ;;
    memory.used) value=$used ;;
    memory.free) value=$((total - used)) ;;
    compute_mode) value=Default ;;
    compute_cap) value=8.0 ;;
    utilization.gpu) value=$use ;;
    utilization.memory) value=$((used * 100 / total)) ;;
    temperature.gpu) value=$heat ;;
    power.draw | power.draw.average | power.draw.instant) value=$power ;;
    power.limit | enforced.power.limit | power.default_limit | power.max_limit) value=$power_limit.00 ;;
    ecc.errors.uncorrected.*) value=$ecc ;;
    ecc.errors.*) value=0 ;;
    ecc.mode.current) value=Enabled ;;
    mig.mode.*) value=$mig ;;
    gpu_recovery_action) value=$recovery ;;
    fabric.state) fabric_words && value=$fabric_state ;;
    fabric.status) fabric_words && value=$fabric_status ;;
    fabric.health.summary) fabric_words && value=$fabric_health ;;
    pid) value=$pid ;;
    process_name) value='[Simulated]' ;;
    used_gpu_memory | used_memory) value=$process_mib ;;
    *) value='[N/A]' ;;
  esac
}

check_fields() { # KNOWN: refuses a field that is not among them
  known=" $(echo $1) "
  for field in $fields; do
    case $known in
      *" $field "*) ;;
      *)
        printf 'Field "%s" is not a valid field to query.\n\n' "$field"
        exit 2
        ;;
    esac
  done
}

print_header() {
  case ",$format," in *,noheader,*) return 0 ;; esac
  line=
  for field in $fields; do
    unit_of "$field"
    line="$line, $field${unit:+ [$unit]}"
  done
  printf '%s\n' "${line#, }"
}

print_row() {
  line=
  for field in $fields; do
    unit_of "$field"
    value_of "$field"
    case ",$format,$value" in
      *,nounits,* | *']' | *'!') unit= ;;
    esac
    line="$line, $value${unit:+ $unit}"
  done
  printf '%s\n' "${line#, }"
}

print_rows_of_card() { each_process print_row; }

# ---- XML ----

print_xml_process() {
  printf '\t\t\t<process_info>\n\t\t\t\t<pid>%s</pid>\n\t\t\t\t<type>C</type>\n' "$pid"
  printf '\t\t\t\t<process_name>[Simulated]</process_name>\n'
  printf '\t\t\t\t<used_memory>%s MiB</used_memory>\n\t\t\t</process_info>\n' "$process_mib"
}

print_reading() { # TAG VALUE UNIT: a card that tells nothing says N/A, a sick one what is wrong with it
  if [ "$silent" = yes ]; then
    case $1 in total | reserved) ;; *) set -- "$1" N/A '' ;; esac
  elif [ -n "$sign" ]; then
    set -- "$1" "$sign" ''
  else
    case $needs_reset,$mig,$1 in
      yes,*,gpu_util | yes,*,gpu_temp) set -- "$1" 'GPU requires reset' '' ;;
      yes,*,used) set -- "$1" 0 MiB ;;
      *,Enabled,gpu_util) set -- "$1" N/A '' ;;
    esac
  fi
  printf '<%s>%s%s</%s>\n' "$1" "$2" "${3:+ $3}" "$1"
}

fabric_words() { # sets what the current card says of its fabric; "Unhealthy" names the health of one that is complete
  fabric_state=$fabric fabric_status=N/A fabric_health=N/A
  if [ -n "$sign" ]; then
    fabric_state=$sign fabric_status=$sign fabric_health=$sign
  elif [ "$fabric" = Completed ]; then
    fabric_status=Success fabric_health=Healthy
  elif [ "$fabric" = Unhealthy ]; then
    fabric_state=Completed fabric_status=Success fabric_health=Unhealthy
  fi
}

print_xml_fabric() {
  fabric_words
  printf '\t\t<fabric>\n\t\t\t<state>%s</state>\n\t\t\t<status>%s</status>\n' "$fabric_state" "$fabric_status"
  printf '\t\t\t<health>\n\t\t\t\t<summary>%s</summary>\n\t\t\t</health>\n\t\t</fabric>\n' "$fabric_health"
}

print_xml_mig() { # with MIG on the card is cut: here into one slice of half of it
  printf '\t\t<mig_mode>\n\t\t\t<current_mig>%s</current_mig>\n' "$mig"
  printf '\t\t\t<pending_mig>%s</pending_mig>\n\t\t</mig_mode>\n\t\t<mig_devices>\n' "$mig"
  if [ "$mig" = Enabled ]; then
    printf '\t\t\t<mig_device>\n\t\t\t\t<index>0</index>\n\t\t\t\t<gpu_instance_id>2</gpu_instance_id>\n'
    printf '\t\t\t\t<compute_instance_id>0</compute_instance_id>\n\t\t\t</mig_device>\n'
  else
    printf '\t\t\tNone\n'
  fi
  printf '\t\t</mig_devices>\n'
}

print_xml_ecc() {
  if [ -n "$sign" ]; then set -- "$sign"; else set -- "$ecc"; fi
  printf '\t\t<ecc_errors>\n'
  for count_of in volatile aggregate; do
    printf '\t\t\t<%s>\n\t\t\t\t<sram_correctable>0</sram_correctable>\n' "$count_of"
    printf '\t\t\t\t<sram_uncorrectable>0</sram_uncorrectable>\n\t\t\t\t<dram_correctable>0</dram_correctable>\n'
    printf '\t\t\t\t<dram_uncorrectable>%s</dram_uncorrectable>\n\t\t\t</%s>\n' "$1" "$count_of"
  done
  printf '\t\t</ecc_errors>\n'
}

print_xml_remapped() { # of a card that is lost the words stand where the rows would
  if [ -n "$sign" ]; then
    printf '\t\t<remapped_rows>%s</remapped_rows>\n' "$sign"
    return 0
  fi
  printf '\t\t<remapped_rows>\n\t\t\t<remapped_row_pending>%s</remapped_row_pending>\n' "$pending"
  printf '\t\t\t<remapped_row_failure>No</remapped_row_failure>\n\t\t</remapped_rows>\n'
}

print_clock_reason() { # REASON
  active='Not Active'
  if [ "$1" = "$throttle" ]; then active=Active; fi
  printf '\t\t\t<clocks_event_reason_%s>%s</clocks_event_reason_%s>\n' "$1" "$active" "$1"
}

print_xml_card() {
  printf '\t<gpu id="%s">\n\t\t<product_name>%s</product_name>\n' "$bus" "$name"
  printf '\t\t<product_brand>Simulated</product_brand>\n'
  printf '\t\t<product_architecture>Simulated</product_architecture>\n'
  print_xml_mig
  printf '\t\t<uuid>%s</uuid>\n\t\t<minor_number>%s</minor_number>\n' "$uuid" "$host_index"
  if [ -n "$sign" ]; then recovery=N/A; fi
  printf '\t\t<gpu_recovery_action>%s</gpu_recovery_action>\n' "$recovery"
  printf '\t\t<pci>\n\t\t\t<pci_bus_id>%s</pci_bus_id>\n\t\t</pci>\n' "$bus"
  printf '\t\t<fan_speed>N/A</fan_speed>\n\t\t<fb_memory_usage>\n'
  for reading in "total $total" 'reserved 0' "used $used"; do
    printf '\t\t\t'
    print_reading "${reading% *}" "${reading#* }" MiB
  done
  printf '\t\t</fb_memory_usage>\n\t\t<utilization>\n\t\t\t'
  print_reading gpu_util "$use" %
  printf '\t\t</utilization>\n'
  print_xml_ecc
  print_xml_remapped
  if [ "$use" -gt 0 ]; then sm_clock=1410; else sm_clock=210; fi
  printf '\t\t<clocks>\n\t\t\t'
  print_reading sm_clock "$sm_clock" MHz
  printf '\t\t</clocks>\n'
  printf '\t\t<clocks_event_reasons>\n'
  for reason in hw_slowdown hw_thermal_slowdown hw_power_brake_slowdown sw_thermal_slowdown; do
    print_clock_reason "$reason"
  done
  printf '\t\t</clocks_event_reasons>\n\t\t<temperature>\n\t\t\t'
  print_reading gpu_temp "$heat" C
  printf '\t\t\t<gpu_temp_slow_threshold>90 C</gpu_temp_slow_threshold>\n\t\t</temperature>\n'
  printf '\t\t<gpu_power_readings>\n\t\t\t'
  print_reading average_power_draw "$power" W
  printf '\t\t\t<current_power_limit>%s.00 W</current_power_limit>\n\t\t</gpu_power_readings>\n' "$power_limit"
  print_xml_fabric
  printf '\t\t<processes>\n'
  each_process print_xml_process
  printf '\t\t</processes>\n\t</gpu>\n'
}

print_xml() {
  printf '<?xml version="1.0" ?>\n<nvidia_smi_log>\n\t<timestamp>%s</timestamp>\n' "$stamp"
  printf '\t<driver_version>%s</driver_version>\n\t<cuda_version>N/A</cuda_version>\n' "$driver"
  printf '\t<attached_gpus>%s</attached_gpus>\n' "$count"
  each_card print_xml_card
  printf '</nvidia_smi_log>\n'
}

# ---- topology ----

add_to_matrix() { matrix="$matrix $index/$host_index"; }

# Cards of this model sit on boards of eight, where each reaches each other one over 12 NVLinks.
print_matrix_row() {
  line=GPU$index
  for other in $matrix; do
    if [ "${other%/*}" = "$index" ]; then
      line="$line\t X "
    elif [ $((${other#*/} / 8)) = $((host_index / 8)) ]; then
      line="$line\tNV12"
    else
      line="$line\tSYS"
    fi
  done
  printf '%b\tN/A\tN/A\t\tN/A\n' "$line"
}

print_topology() {
  matrix=
  each_card add_to_matrix
  line=
  for other in $matrix; do line="$line\tGPU${other%/*}"; done
  # The real command, too, underlines its header, whoever reads it.
  printf '\t\033[4m%b\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\033[0m\n' "${line#'\t'}"
  each_card print_matrix_row
  printf '\nLegend:\n\n  X    = the card itself\n  SYS  = over PCIe and the processors\n  NV#  = over # NVLinks\n'
}

# ---- for people ----

print_list_line() { # a card that is lost is listed all the same
  printf 'GPU %s: %s (UUID: %s)\n' "$index" "$name" "$uuid"
  if [ "$mig" = Enabled ]; then printf '  MIG 3g.40gb     Device  0: (UUID: MIG-%s)\n' "${uuid#GPU-}"; fi
}

print_details() {
  printf '\nGPU %s\n' "$bus"
  printf '    %-20s : %s\n' 'Product Name' "$name" 'GPU UUID' "$uuid" 'Memory Total' "$total MiB" \
    'Memory Used' "$used MiB" 'GPU Utilization' "$use %" 'GPU Temperature' "$heat C" 'Power Draw' "$power W" \
    'Power Limit' "$power_limit.00 W"
}

rule='+-----------------------------------------+------------------------+----------------------+'
print_summary_card() {
  printf '| %3s  %-24.24s        Off | %18s Off |                    0 |\n' "$index" "$name" "$bus"
  printf '| N/A  %3sC  %-4s %15sW / %4sW | %8sMiB / %7sMiB |    %3s%%      Default |\n' \
    "$heat" "$([ "$use" -gt 0 ] && echo P0 || echo P8)" "${power%.*}" "$power_limit" "$used" "$total" "$use"
  printf '%s\n' "$rule"
}

print_process() {
  printf '| %4s  %18s  %-45s %9sMiB  |\n' "$index" "$pid" '[Simulated]' "$process_mib"
}

print_summary() {
  printf '%s\n' "$stamp"
  printf '+-----------------------------------------------------------------------------------------+\n'
  printf '| NVIDIA-SMI (simulated: these cards do not exist)                                        |\n'
  printf '%s\n' "$rule"
  printf '| GPU  Name                        Persist| Bus-Id          Disp.A | Volatile Uncorr. ECC |\n'
  printf '| Fan  Temp  Perf           Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |\n'
  printf '|=========================================+========================+======================|\n'
  each_card print_summary_card
  if [ "$in_container" = yes ]; then return 0; fi
  printf '\n| %4s  %18s  %-45s %12s  |\n' GPU PID 'Process name' 'GPU Memory'
  each_card each_process print_process
}

print_help() {
  text="$self of simulated cards. It prints what the agent simulates and changes nothing.

    $self [-i ID]                               a table of the cards
    $self -L                                    one line for each card
    $self -q [-x] [-i ID]                       details, as text or XML
    $self --query-gpu=FIELDS --format=csv[,noheader][,nounits] [-i ID]
    $self --query-compute-apps=FIELDS --format=csv[,noheader][,nounits]
    $self topo -m                               how the cards reach each other
    $self --help-query-gpu | --help-query-compute-apps | --version | -h"
  printf '%s\n' "$text"
}

# ---- the command line ----

refuse() {
  printf "%s Please run '%s -h' for help.\n" "$1" "$self"
  exit 2
}

take_fields() { fields=$(IFS=', ' && echo $1); }

set -f
while [ $# -gt 0 ]; do
  case $1 in
    -L | --list-gpus) query=list ;;
    -q | --query) query=details ;;
    -x | --xml-format) xml=yes ;;
    -i | --id)
      [ $# -gt 1 ] || refuse "Option $1 needs a value."
      wanted=$2
      shift
      ;;
    -i=* | --id=*) wanted=${1#*=} ;;
    --query-gpu=*) query=gpu && take_fields "${1#*=}" ;;
    --query-compute-apps=*) query=apps && take_fields "${1#*=}" ;;
    --format=*) format=${1#*=} ;;
    topo)
      case ${2:-} in -m | --matrix) query=topology ;; *) refuse 'Of the topology only the matrix (-m) is simulated.' ;; esac
      shift
      ;;
    -h | --help) print_help && exit 0 ;;
    --help-query-gpu) printf '"%s"\n' $gpu_fields && exit 0 ;;
    --help-query-compute-apps) printf '"%s"\n' $app_fields && exit 0 ;;
    --version)
      printf 'NVIDIA-SMI version  : simulated\nDRIVER version      : %s\nCUDA Version        : N/A\n' "$driver"
      exit 0
      ;;
    *) refuse "Option $1 is not recognized or not simulated." ;;
  esac
  shift
done

if [ ! -r "$state" ]; then
  printf '%s has failed: the simulated cards have no state at %s\n' "$self" "$state"
  exit 9
fi
count_samples
fail_as_a_whole
count=0
if ! each_card count_card; then
  printf 'No devices were found\n'
  exit 6
fi
case $query in list | topology) ;; *) each_card spoil ;; esac

case $query in
  gpu | apps)
    in_list csv "$format" || refuse 'The option --format=csv is missing.'
    if [ "$query" = gpu ]; then check_fields "$gpu_fields"; else check_fields "$app_fields"; fi
    print_header
    if [ "$query" = gpu ]; then each_card print_row; else each_card print_rows_of_card; fi
    ;;
  list) each_card print_list_line ;;
  details)
    if [ "$xml" = yes ]; then
      print_xml
    else
      printf '==============NVSMI LOG==============\n\nTimestamp : %s\nAttached GPUs : %s\n' "$stamp" "$count"
      each_card print_details
    fi
    ;;
  topology) print_topology ;;
  summary) print_summary ;;
esac
