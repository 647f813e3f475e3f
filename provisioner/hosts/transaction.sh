# Changes a host as one transaction: stage, install, save, validate, commit, activate, prove,
# then keep or undo. Two roles in one file:
#
#   the front   runs under the SSH session. It unpacks the bundle, starts the runner detached
#               from the session, passes on what the runner writes, and hands it the answer.
#   the runner  `sh transaction.sh run|undo ID`. It holds the lock, works through the manifest,
#               writes each step to a file, and puts everything back when a step fails, when
#               the answer is "undo", or when no answer comes in time.
#
# All variable input comes from the manifest: lines of blank-separated words, each encoded so
# that it holds no blank (see decode). Nothing of it is ever shell text.
# Everything lives in /var/lib/provision/history/ID, readable by root only.
# shellcheck disable=SC2030,SC2031 # each loop over the manifest has a $value of its own, on purpose
set -u
umask 077
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
state=/var/lib/provision
undo_unit=/etc/systemd/system/provision-undo.service
history_most=20 # transactions of each kind that stay: those that were kept, and those that came to nothing
history_kib=262144 # and the room that all of them together may take; the newest stays whatever it takes
warm_up_most=300 # seconds that what a first start would do may take in advance

decode() { # sets $value; the x keeps a trailing newline from being cut off
  case $1 in
    *\\*) value=$(printf '%bx' "$1") && value=${value%x} ;;
    *) value=$1 ;;
  esac
}

# ---------------------------------------------------------------- the front

answer_now() { # hand the runner its answer, whole
  printf '%s\n' "$1" >"$dir/answer.new" && mv -f "$dir/answer.new" "$dir/answer"
}

start_runner() { # a unit of its own: a restart of sshd, or the end of this session, does not end it
  # and should it be killed itself, systemd runs what puts everything back.
  if [ -d /run/systemd/system ] && systemd-run --quiet --collect --no-block \
    --unit="provision-$id" --description="provision transaction $id" --property=KillMode=mixed \
    --property="ExecStopPost=/bin/sh $dir/transaction.sh undo $id" \
    /bin/sh "$dir/transaction.sh" "$1" "$id" >/dev/null 2>&1; then
    return
  fi
  setsid /bin/sh "$dir/transaction.sh" "$1" "$id" </dev/null >/dev/null 2>&1 &
}

follow() { # show what the runner writes; pass on what the control machine says
  tail -n +1 -s 0.05 -f "$dir/steps" &
  shown=$!
  # A sign of life, so that a silent network is told from a long step. And should the runner be
  # dead, with what systemd would have put things back with: another one does that.
  dead=0
  while sleep 5; do
    echo alive
    if [ ! -e "$dir/outcome" ] && flock -n "$dir/alive" true; then dead=$((dead + 1)); else dead=0; fi
    if [ "$dead" -ge 2 ]; then start_runner undo; fi
  done &
  beats=$!
  trap 'kill "$shown" "$beats" 2>/dev/null' EXIT
  while IFS= read -r said; do
    case $said in
      keep | undo | again | proven) answer_now "$said" ;;
      bye) return ;;
    esac
  done
  # End of input with no goodbye: the control machine is gone. A change that may cut the
  # connection waits for a new one until its deadline; any other is put back now.
  [ -e "$dir/outcome" ] || [ -e "$dir/cutoff" ] || [ -e "$dir/answer" ] || answer_now undo
}

front() {
  read -r mode id size || exit 64
  case $id in '' | *[!0-9A-Za-z-]*) exit 64 ;; esac
  dir=$state/history/$id
  case $mode in
    begin)
      case $size in '' | *[!0-9]*) exit 64 ;; esac
      { mkdir -p "$state/history" && chmod 700 "$state" "$state/history" && mkdir "$dir"; } 2>/dev/null ||
        { echo "refused nothing can be written below $state"; exit 73; }
      if ! { head -c "$size" | tar -xf - -C "$dir" --no-same-owner && head -c 65536 /dev/zero >"$dir/reserve"; } 2>/dev/null; then
        rm -rf "$dir"
        echo "refused the bundle did not fit on the disk, or did not arrive whole"
        exit 73
      fi
      : >"$dir/steps"
      start_runner run
      follow
      ;;
    answer) # from a new connection: confirm, or ask for the undo, then see how it ended
      [ -d "$dir" ] || { echo 'gone'; exit 66; }
      read -r said
      case $said in keep | undo | proven) answer_now "$said" ;; esac
      follow
      ;;
    repair) # the runner died: put its transaction back
      [ -f "$dir/transaction.sh" ] || { rm -f "$state/current"; echo 'outcome undone'; exit 0; }
      [ ! -f "$dir/steps" ] || mv -f "$dir/steps" "$dir/steps.before"
      : >"$dir/steps"
      rm -f "$dir/outcome" "$dir/answer"
      start_runner undo
      follow
      ;;
    *) exit 64 ;;
  esac
}

# ---------------------------------------------------------------- the runner

say() {
  printf '%s\n' "$*" >>"$dir/steps"
  [ ! -e "$state/pause" ] || pause_at "$*"
}

point() { [ ! -e "$state/pause" ] || say "point $*"; } # a place between steps, for tests to stop at

pause_at() { # tests write a step's words into $state/pause, and have the runner stand still there
  while read -r stop 2>/dev/null <"$state/pause"; do
    case $1 in "$stop"*) sleep 0.05 ;; *) return 0 ;; esac
  done
  return 0
}

note() { # what a program printed, as one word
  [ -s "$2" ] && say "$1 $(tail -c 4000 "$2" | base64 -w0)"
}

fail() { # KIND WORDS…: remember why, and give up on the way forward
  rm -f "$dir/reserve" # on a full disk there is room now to say so
  say "fail $*"
  [ ! -f "$dir/output" ] || note output "$dir/output"
  return 1
}

lines() { # VERB…: the manifest lines with one of these verbs
  pattern=$1
  shift
  for verb in "$@"; do pattern="$pattern\\|$verb"; done
  grep "^\\($pattern\\) " "$dir/manifest" || true
}

setting() { # NAME: one word from the manifest
  lines "$1" | { read -r _ value && printf '%s' "$value"; }
}

decoded() { # WORDS…: run the encoded words as a program
  left=$#
  while [ "$left" -gt 0 ]; do
    decode "$1"
    shift
    set -- "$@" "$value"
    left=$((left - 1))
  done
  "$@"
}

run_words() { # TIMEOUT WORDS…: run the encoded words as a program, its output kept
  limit=$1
  shift
  decoded timeout -k 5 "$limit" "$@" </dev/null >"$dir/output" 2>"$dir/errors"
  ended=$?
  [ "$ended" -eq 0 ] || cat "$dir/errors" >>"$dir/output"
  return "$ended"
}

holder() { # who holds the lock, since when, as one word
  head -c 400 "$state/holder" 2>/dev/null | tr -cd '[:alnum:]_./@:,+=%\\-'
}

not_held() { # a person may have locked the host for a while: that stops everybody else, until it is over
  heeds=$(setting heeds-holds)
  [ -n "$heeds" ] && [ -f "$state/hold" ] || return 0
  until='' who='' reason=''
  while read -r key word; do
    case $key in until) until=$word ;; who) who=$word ;; reason) reason=$word ;; esac
  done <"$state/hold"
  case $until in '' | *[!0-9]*) return 0 ;; esac
  [ "$who" != "$heeds" ] && [ "$(date +%s)" -lt "$until" ] || return 0
  fail held "$who" "$until" "$reason"
  return 1
}

take_lock() {
  exec 9>>"$state/lock"
  if ! flock -n 9; then
    say "waiting $(holder)"
    left=$(setting lock-timeout)
    while [ "$left" -gt 0 ] && ! flock -w 1 9; do
      [ ! -e "$dir/answer" ] || { fail refused lock; return 1; }
      left=$((left - 1))
    done
    [ "$left" -gt 0 ] || { fail locked "$(holder)"; return 1; }
  fi
  [ ! -e "$dir/answer" ] || { fail refused lock; return 1; }
  not_held || return 1
  setting holder >"$state/holder"
  # Another transaction may have died while we waited.
  if [ -L "$state/current" ] && [ "$(readlink "$state/current")" != "history/$id" ]; then
    fail unfinished
    return 1
  fi
  ln -sfn "history/$id" "$state/current"
  point current
  arm
  point armed
}

arm() { # should the power fail from here on, the next boot puts everything back before it serves mail
  [ -d /etc/systemd/system ] || return 0
  mkdir -p /etc/systemd/system/sysinit.target.wants
  {
    echo '[Unit]'
    echo "Description=Put back provision transaction $id, which a reboot interrupted"
    echo 'DefaultDependencies=no'
    echo 'RequiresMountsFor=/var/lib/provision /etc /usr'
    echo 'After=local-fs.target'
    echo 'Before=sysinit.target'
    echo '[Service]'
    echo 'Type=oneshot'
    echo "ExecStart=/bin/sh $dir/transaction.sh boot $id"
  } >"$undo_unit" && ln -sfn ../provision-undo.service /etc/systemd/system/sysinit.target.wants/provision-undo.service
  sync "$undo_unit" /etc/systemd/system /etc/systemd/system/sysinit.target.wants 2>/dev/null || true
}

disarm() {
  rm -f /etc/systemd/system/sysinit.target.wants/provision-undo.service "$undo_unit"
  rmdir /etc/systemd/system/sysinit.target.wants 2>/dev/null || true
}

still_as_planned() { # the plan was made from what was there then; is it there now?
  lines expect | while read -r _ name want; do
    decode "$name"
    if [ -L "$value" ]; then
      is='link'
    elif [ -f "$value" ]; then
      is=$(sha256sum <"$value") is=${is%% *}
    elif [ -e "$value" ]; then
      is='other'
    else
      is='absent'
    fi
    [ "$is" = "$want" ] || { fail changed "$name"; exit 1; }
  done
}

save_services() {
  lines unit | while read -r _ unit; do
    decode "$unit"
    active=$(systemctl show -p ActiveState --value -- "$value" 2>/dev/null) || active=
    enabled=$(systemctl is-enabled -- "$value" 2>/dev/null) || true
    printf '%s %s %s\n' "$unit" "${active:-unknown}" "${enabled:-unknown}"
  done >"$dir/services"
}

hold_services() { # packages must not start what is not configured yet
  if [ -e /usr/sbin/policy-rc.d ] && [ ! -e "$dir/policy-rc.d" ]; then
    cp -a /usr/sbin/policy-rc.d "$dir/policy-rc.d"
  fi
  : >"$dir/held"
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
}

release_services() {
  [ -e "$dir/held" ] || return 0
  rm -f /usr/sbin/policy-rc.d
  if [ -e "$dir/policy-rc.d" ]; then cp -a "$dir/policy-rc.d" /usr/sbin/policy-rc.d; fi
  rm -f "$dir/held"
}

apt() { # the lock is waited for longer than our own: whoever holds it may be installing
  DEBIAN_FRONTEND=noninteractive timeout -k 10 1200 apt-get -q -y --no-install-recommends \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    -o DPkg::Lock::Timeout="$(($(setting lock-timeout) * 2))" -o Dpkg::Use-Pty=0 -o APT::Color=0 "$@" </dev/null >"$dir/output" 2>&1
}

fetch() { apt install "$@" || { apt update && apt install "$@"; }; }

warm_up() { # what first starts would take long for, in the background; should it fail, they do it
  : >"$dir/warming"
  {
    lines warm-up | while read -r _ _ words; do
      # shellcheck disable=SC2086 # encoded words hold no blank
      (cd / && decoded timeout -k 5 "$warm_up_most" $words)
    done
    rm -f "$dir/warming"
  } </dev/null >/dev/null 2>&1 8>&- 9>&- & # the locks are the runner's alone
}

warmed_up() { # before the services start: two at the same work take longer than one
  [ -e "$dir/warming" ] || return 0
  say step warm-up
  ticks=$((warm_up_most * 20))
  while [ -e "$dir/warming" ] && [ ! -e "$dir/answer" ] && [ "$ticks" -gt 0 ]; do
    ticks=$((ticks - 1))
    sleep 0.05
  done
}

install_packages() {
  names=$(lines package | while read -r _ name; do printf '%s ' "$name"; done)
  [ -n "$names" ] || return 0
  say step packages
  hold_services
  status=0
  # An installation that was interrupted is finished first: apt-get refuses to work before.
  if [ -n "$(ls -A /var/lib/dpkg/updates 2>/dev/null)" ]; then
    DEBIAN_FRONTEND=noninteractive timeout -k 10 600 dpkg --configure -a --force-confdef --force-confold \
      </dev/null >"$dir/output" 2>&1 || true
  fi
  # Lists fetched a day ago or more may name versions that the archive no longer has.
  if [ -z "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mtime -1 2>/dev/null | head -n 1)" ]; then
    apt update || status=$?
  fi
  first=$(lines warm-up | while read -r _ name _; do printf '%s ' "$name"; done)
  if [ "$status" -eq 0 ] && [ -n "$first" ]; then
    # shellcheck disable=SC2086 # package names hold no blank
    if fetch $first; then warm_up; else status=$?; fi
  fi
  # shellcheck disable=SC2086
  if [ "$status" -eq 0 ]; then fetch $names || status=$?; fi
  release_services
  [ "$status" -eq 0 ] || { fail packages; return 1; }
}

safe_way() { # PATH: whether no directory on the way to it is a link that another user than root could turn
  way=${1%/*}
  while [ -n "$way" ]; do
    if [ -L "$way" ] && [ "$(stat -c %u -- "$way")" != 0 ]; then return 1; fi
    way=${way%/*}
  done
}

save() { # every path that will be touched, as it is now
  say step save
  number=0
  mkdir -p "$dir/saved"
  [ ! -f "$state/state" ] || cp "$state/state" "$dir/record.before" || { fail save "$state/state"; return 1; }
  [ ! -f "$state/last" ] || cp "$state/last" "$dir/last.before" || { fail save "$state/last"; return 1; }
  lines file link delete directory rmdir | while read -r verb name _ owner group mode; do
    : "$owner" "$group" "$mode"
    number=$((number + 1))
    decode "$name"
    safe_way "$value" || { fail way "$name"; exit 1; }
    if { [ "$verb" = directory ] || [ "$verb" = rmdir ]; } && [ -d "$value" ] && [ ! -L "$value" ]; then
      printf 'attributes %s %s\n' "$name" "$(stat -c '%u %g %a' -- "$value")"
    elif [ -L "$value" ] || [ -e "$value" ]; then
      cp -a -- "$value" "$dir/saved/$number" || { fail save "$name"; exit 1; }
      printf 'copy %s %s\n' "$name" "$number"
    else
      # Directories that will be made on the way go away again with the file.
      parent=${value%/*}
      made=
      while [ -n "$parent" ] && [ ! -d "$parent" ]; do
        made="$made $(printf '%s' "$parent" | base64 -w0)"
        parent=${parent%/*}
      done
      printf 'absent %s%s\n' "$name" "$made"
    fi
  done >"$dir/before.new" || return 1
  mv "$dir/before.new" "$dir/before"
  find "$dir/saved" -type f -exec sync -- {} + 2>/dev/null || true
  sync "$dir/before" "$dir/saved" "$dir" 2>/dev/null || true
  point saved
}

settle() { # FILE: Postfix takes a main.cf younger than 2 s for one still being written, and waits
  touch -d "@$(($(date +%s) - 10))" -- "$1"
}

stage() { # the new files at their own paths below $dir/tree, as validators will see them
  lines file | while read -r _ name number owner group mode; do
    decode "$name"
    mkdir -p "$dir/tree${value%/*}"
    { cp -- "$dir/new/$number" "$dir/tree$value" && settle "$dir/tree$value"; } 2>"$dir/output" ||
      { fail stage "$name"; exit 1; }
    chown -- "$owner:$group" "$dir/tree$value" 2>/dev/null && chmod "$mode" "$dir/tree$value"
    # An owner that is not there fails at the commit, with its name.
    true
  done
}

show_stage() { # PROGRAM…: run it where /etc is as it will be: in a mount namespace of its own
  mount -t overlay overlay -o "lowerdir=$dir/tree/etc:/etc" /etc && exec "$@"
}

can_show_stage() {
  mkdir -p "$dir/tree/etc"
  # A directory of the staged tree lends its attributes to the one below: give it theirs.
  (cd "$dir/tree" && find . -type d) | while IFS= read -r made; do
    if [ -d "/$made" ]; then
      chmod "$(stat -c %a -- "/$made")" "$dir/tree/$made"
      chown "$(stat -c %u:%g -- "/$made")" "$dir/tree/$made"
    else
      chmod 755 "$dir/tree/$made"
    fi
  done
  unshare -m sh "$dir/transaction.sh" show "$id" true 2>/dev/null
}

validate() { # WHERE: each daemon's own checker; what it prints counts, for some only warn
  lines validator | while read -r _ name limit words; do
    say validate "$name"
    if [ "$1" = staged ]; then set -- staged unshare -m sh "$dir/transaction.sh" show "$id"; else set -- placed; fi
    where=$1
    shift
    status=0
    # shellcheck disable=SC2086 # encoded words hold no blank
    run_words "$limit" "$@" $words || status=$?
    set -- "$where"
    # Harmless output, as the role lists it, is taken out.
    grep "^allow $name " "$dir/manifest" | while read -r _ _ pattern; do
      decode "$pattern"
      printf '%s\n' "$value"
    done >"$dir/allowed"
    if [ -s "$dir/allowed" ]; then
      grep -Evf "$dir/allowed" "$dir/errors" >"$dir/output"
    else
      cp "$dir/errors" "$dir/output"
    fi
    if [ "$status" -ne 0 ] || [ -s "$dir/output" ]; then
      [ -s "$dir/output" ] || cp "$dir/errors" "$dir/output"
      fail validate "$name"
      exit 1
    fi
  done
}

validate_before() {
  [ -n "$(lines validator)" ] || return 0
  say step validate
  if can_show_stage; then
    : >"$dir/validated"
    validate staged
  fi
}

validate_after() { # where no mount namespace may be made: in place, before any service looks
  [ -e "$dir/validated" ] || validate placed
}

wait_for() { # NAME SECONDS: the control machine talks with the services, and says what comes of it
  say "ask $1"
  ticks=$(($2 * 20))
  while :; do
    while [ ! -e "$dir/answer" ]; do
      ticks=$((ticks - 1))
      [ "$ticks" -gt 0 ] || { say "silence $1"; fail silence; return 1; }
      sleep 0.05
    done
    read -r said <"$dir/answer"
    rm -f "$dir/answer"
    # After a lost connection a word may come twice: that this host has proven says nothing of others.
    if [ "$1" != others ] || [ "$said" != proven ]; then break; fi
  done
  if [ "$said" = again ]; then
    restart_reloaded && wait_for "$@"
    return
  fi
  case $said in
    keep) ;;
    proven) [ "$1" = proof ] ;;
    *) fail refused "$1"; [ "$1" = others ] || watched_logs; return 1 ;;
  esac
}

others_proven() { # where several hosts change together: all keep what they did, or none does
  [ "$said" = keep ] || wait_for others "$(setting together)"
}

go_on() { # told to put everything back before it was asked: then what is not begun is not begun
  [ ! -e "$dir/answer" ] || wait_for proof 1
}

restart_reloaded() { # Postfix holds back for 60 s what died before; a reload does not lift that, a restart does
  lines service | while read -r _ unit action; do
    [ "$action" = reload ] || continue
    decode "$unit"
    say restart "$unit"
    timeout -k 5 120 systemctl restart -- "$value" >"$dir/output" 2>&1 || {
      fail service "$unit" restart
      unit_log "$value"
      exit 1
    }
  done
}

make_accounts() { # noted before it is made: after a death in between, what is not there is deleted in vain
  lines group user | while read -r verb name id_number group groups home shell; do
    if [ "$verb" = group ]; then
      getent group -- "$name" >/dev/null && continue
      printf 'group %s\n' "$name" >>"$dir/made"
      if [ "$id_number" = = ]; then groupadd --system -- "$name"; else groupadd --system --gid "$id_number" -- "$name"; fi \
        >"$dir/output" 2>&1 || { fail account "$name"; exit 1; }
    else
      if ! getent passwd -- "$name" >/dev/null; then
        set -- --system --no-create-home --home-dir "$home" --shell "$shell"
        [ "$id_number" = = ] || set -- "$@" --uid "$id_number"
        if [ "$group" != = ]; then
          set -- "$@" --gid "$group"
        else
          set -- "$@" --user-group
          getent group -- "$name" >/dev/null || printf 'group %s\n' "$name" >>"$dir/made"
        fi
        printf 'user %s\n' "$name" >>"$dir/made"
        useradd "$@" -- "$name" >"$dir/output" 2>&1 || { fail account "$name"; exit 1; }
      fi
      if [ "$groups" != = ]; then
        before=$(id -Gn -- "$name" | tr ' ' ,)
        printf 'groups %s %s\n' "$name" "$before" >>"$dir/made"
        usermod --append --groups "$groups" -- "$name" >"$dir/output" 2>&1 || { fail account "$name"; exit 1; }
      fi
    fi
  done
}

unlock_accounts() { # what useradd and the like leave when they are cut off: a lock of a process that is gone
  for accounts in /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/subuid /etc/subgid; do
    for left in "$accounts".lock "$accounts".[0-9]*; do
      [ -f "$left" ] || continue
      # They hold the number of their process and nothing else: somebody's copy of a file stays.
      pid=$(head -c 20 -- "$left" | tr -d '\0\n')
      case $pid in *[!0-9]*) continue ;; esac
      case ${left##*.} in lock | "${pid:-${left##*.}}") ;; *) continue ;; esac
      if [ "$mode" = boot ] || [ -z "$pid" ] || ! kill -0 "$pid" 2>/dev/null; then rm -f -- "$left"; fi
    done
    [ -e "$accounts.lock" ] || rm -f -- "$accounts+"
  done
}

place() { # NEW TARGET: the one takes the place of the other, in one step where that can be
  mv -fT -- "$1" "$2" && return
  # In a container /etc/hosts and its like are mounts of their own: no rename gets past a mount, so the
  # content goes into the file that is there. A death midway is undone as any other.
  { [ -f "$2" ] && [ ! -L "$2" ] && mountpoint -q -- "$2"; } || return 1
  # What is secret in the one must not be readable as the other was.
  [ "$(stat -c '%u %g %a' -- "$1")" = "$(stat -c '%u %g %a' -- "$2")" ] || chmod 600 -- "$2" || return 1
  cp -aT -- "$1" "$2" && sync -- "$2" && rm -f -- "$1"
}

commit() {
  say step commit
  : >"$dir/committing"
  # Beside its target first, synced; then all the renames: between the first and the last
  # of them lie milliseconds.
  lines directory | while read -r _ name owner group mode; do
    decode "$name"
    if [ -L "$value" ] || { [ -e "$value" ] && [ ! -d "$value" ]; }; then rm -f -- "$value"; fi
    if [ ! -d "$value" ]; then (umask 022; mkdir -p -- "$value") 2>"$dir/output" || { fail write "$name"; exit 1; }; fi
    { chown -- "$owner:$group" "$value" && chmod "$mode" "$value"; } 2>"$dir/output" || { fail write "$name"; exit 1; }
  done || return 1
  lines file | {
    set --
    while read -r _ name number owner group mode; do
      decode "$name"
      new=${value%/*}/.provision-new.$number
      { [ -d "${value%/*}" ] || (umask 022; mkdir -p -- "${value%/*}"); } 2>"$dir/output" || { fail write "$name"; exit 1; }
      rm -rf -- "$new" # it may be a link of somebody's, in a directory that is theirs
      { cp -T -- "$dir/new/$number" "$new" && chown -h -- "$owner:$group" "$new" && chmod "$mode" "$new" &&
        settle "$new"; } 2>"$dir/output" ||
        { rm -f -- "$new"; fail write "$name"; exit 1; }
      set -- "$@" "$new"
    done
    [ $# -eq 0 ] || sync -- "$@" 2>/dev/null || true
  } || return 1
  point written
  lines file | while read -r _ name number _; do
    decode "$name"
    if [ -d "$value" ] && [ ! -L "$value" ]; then rm -rf -- "$value"; fi
    place "${value%/*}/.provision-new.$number" "$value" 2>"$dir/output" || { fail write "$name"; exit 1; }
    point "placed $number"
  done || return 1
  lines link | while read -r _ name target; do
    decode "$target"
    to=$value
    decode "$name"
    if [ -d "$value" ] && [ ! -L "$value" ]; then rm -rf -- "$value"; fi
    { [ -d "${value%/*}" ] || (umask 022; mkdir -p -- "${value%/*}")
      ln -sfnT -- "$to" "${value%/*}/.provision-new.link" && mv -fT -- "${value%/*}/.provision-new.link" "$value"; } 2>"$dir/output" ||
      { fail write "$name"; exit 1; }
    point linked
  done || return 1
  lines delete | while read -r _ name; do
    decode "$name"
    rm -rf -- "$value" 2>"$dir/output" || { fail write "$name"; exit 1; }
    point deleted
  done || return 1
  # A directory that goes back to not being there: only where nobody has put anything into it.
  lines rmdir | while read -r _ name; do
    decode "$name"
    [ -L "$value" ] || rmdir -- "$value" 2>/dev/null || true
  done
  # The names too have to be on the disk before the outcome says so.
  lines file link delete | while read -r _ name _; do
    decode "$name"
    sync -- "${value%/*}" 2>/dev/null || true
  done
  rm -f "$dir/output"
  point committed
}

run_commands() {
  : >"$dir/ran"
  lines command | while read -r _ name limit words; do
    say run "$name"
    # shellcheck disable=SC2086
    run_words "$limit" $words || { fail command "$name"; exit 1; }
  done
}

unit_log() { # the service's own last words since this transaction began
  timeout 5 journalctl --sync 2>/dev/null || true # on a busy host the journal lags behind
  journalctl --no-pager -o cat -n 30 --since "@$(cat "$dir/began")" -u "$1" >"$dir/output" 2>/dev/null || true
  note "log $1" "$dir/output"
  rm -f "$dir/output"
}

activate() { # role by role: a role's services, then its proofs, before the next role leans on it
  say step activate
  if [ -n "$(lines daemon-reload)" ]; then systemctl daemon-reload; fi
  # What had failed before says nothing of this change, which may be what mends it.
  lines watch | {
    set --
    while read -r _ unit; do
      decode "$unit"
      set -- "$@" "$value"
    done
    [ $# -eq 0 ] || systemctl reset-failed -- "$@" 2>/dev/null || true
  }
  lines service prove | while read -r verb unit action words; do
    if [ "$verb" = prove ]; then
      # shellcheck disable=SC2086
      prove "$unit" "$action" $words || exit 1
      continue
    fi
    decode "$unit"
    say "$action" "$unit"
    began_action=$(date +%s%N)
    timeout -k 5 120 systemctl "$action" -- "$value" >"$dir/output" 2>&1 || {
      fail service "$unit" "$action"
      unit_log "$value"
      exit 1
    }
    say "took $unit $action $((($(date +%s%N) - began_action) / 1000000))"
  done || return 1
  rm -f "$dir/output"
}

services_stay_up() {
  lines service | while read -r _ unit action; do
    case $action in disable | stop | enable) continue ;; esac
    decode "$unit"
    systemctl is-active --quiet -- "$value" || {
      fail service "$unit" stays
      unit_log "$value"
      exit 1
    }
  done
}

seconds_up() { cut -d . -f 1 /proc/uptime; }

prove() { # NAME LIMIT WORDS…: a service that has just started may need a moment: tried until its limit
  proof=$1 limit=$2
  shift 2
  say prove "$proof"
  # Counted from the boot: the clock may be set meanwhile.
  ends=$(($(seconds_up) + limit))
  until run_words "$limit" "$@"; do
    cp "$dir/output" "$dir/said"
    down=$(failed_service)
    if [ -n "$down" ]; then
      fail service "$down" stays
      decode "$down"
      unit_log "$value"
      return 1
    fi
    if [ "$(seconds_up)" -ge "$ends" ]; then
      mv -f "$dir/said" "$dir/output"
      fail prove "$proof"
      watched_logs
      return 1
    fi
    sleep 0.3
  done
}

failed_service() { # the first of the watched services that has given up
  lines watch | while read -r _ unit; do
    decode "$unit"
    if systemctl is-failed --quiet -- "$value"; then
      printf '%s' "$unit"
      return
    fi
  done
}

watched_logs() { # what the services complained of since this transaction began
  timeout 5 journalctl --sync 2>/dev/null || true
  lines watch | while read -r _ unit; do
    decode "$unit"
    journalctl --no-pager -o cat --since "@$(cat "$dir/began")" -u "$value" >"$dir/journal" 2>/dev/null || true
    # The worst first: our own conversations leave many harmless lines after it.
    { grep -iE 'fatal|panic' "$dir/journal" | tail -n 4
      grep -iE 'error:|warning:' "$dir/journal" | grep -viE 'fatal|panic' | tail -n 8
      # A host without a name is "unknown" in every line on it.
      grep -iE 'error|warning|fail|refused|denied|unknown' "$dir/journal" | grep -viE 'fatal|panic|error:|warning:' |
        grep -v 'connect from unknown\[' | tail -n 4
    } >"$dir/output"
    note "log $unit" "$dir/output"
  done
  rm -f "$dir/output" "$dir/journal"
}

keep_written() { # what roles brought, by its hash: with it a later plan tells what somebody edited since
  mkdir -p "$state/written"
  # What was merged with an edit lies in new, what the roles brought in base.
  find "$dir/new" "$dir/base" -type f -exec sha256sum {} + 2>/dev/null | while read -r hash content; do
    mv -f "$content" "$state/written/$hash"
  done
  cat "$state/state" "$state"/history/*/record* 2>/dev/null | cut -d ' ' -f 3 | sort -u >"$dir/known"
  # shellcheck disable=SC2010 # the names are hashes
  ls "$state/written" | grep -vxFf "$dir/known" | while IFS= read -r old; do rm -f "$state/written/${old:?}"; done
  rm -f "$dir/known"
}

prune() { # old transactions, by number and by size
  kept=0 rest=0 used=0
  current=$(readlink "$state/current" 2>/dev/null) || true
  # shellcheck disable=SC2012,SC2046 # the names are our own: digits, letters and dashes
  (cd "$state/history" && du -sk -- $(ls -1t)) | while read -r size old; do
    used=$((used + size))
    ended=
    read -r ended 2>/dev/null <"$state/history/$old/outcome"
    if [ "$ended" = kept ]; then number=$((kept += 1)); else number=$((rest += 1)); fi
    [ "$current" != "history/$old" ] || continue
    if [ "$number" -gt "$history_most" ] || { [ "$used" -gt "$history_kib" ] && [ "$used" -gt "$size" ]; }; then
      used=$((used - size))
      rm -rf "$state/history/${old:?}"
    fi
  done
}

remember() { # RECORD META: what is ours on this host, and who made it so; where there is none, nothing is
  if [ -f "$1" ]; then cp "$1" "$state/state.new" && mv -f "$state/state.new" "$state/state"; else rm -f "$state/state"; fi
  if [ -f "$2" ]; then cp "$2" "$state/last.new" && mv -f "$state/last.new" "$state/last"; else rm -f "$state/last"; fi
}

finish() { # OUTCOME; whoever finds it half done does it again
  if [ "$1" = kept ]; then
    # Now it is decided: should the runner die from here on, it is finished and not put back.
    : >"$dir/keeping"
    sync "$dir/keeping" "$dir" 2>/dev/null || true
    point keeping
    keep_written
    remember "$dir/record" "$dir/meta"
    point recorded
  elif [ -f "$dir/before" ]; then
    # It may have died after it was remembered and before its outcome was: nothing of it holds.
    remember "$dir/record.before" "$dir/last.before"
  fi
  rm -rf "$dir/tree" "$dir/new" "$dir/base" "$dir/output" "$dir/errors" "$dir/allowed" "$dir/reserve" "$dir/warming"
  printf '%s\n' "$1" >"$dir/outcome.new" && mv -f "$dir/outcome.new" "$dir/outcome"
  sync "$dir/outcome" "$dir" "$state" 2>/dev/null || true
  point outcome
  [ "$1" = stuck ] || rm -f "$state/current"
  disarm
  logger -t provision -- "transaction $id: $1" 2>/dev/null || true
  prune
  say "outcome $1"
}

clear_up() { # it had ended, but died before it had cleared up
  read -r ended <"$dir/outcome"
  if [ "$(readlink "$state/current" 2>/dev/null)" != "history/$id" ] || [ "$ended" = stuck ]; then return 0; fi
  rm -f "$state/current"
  disarm
  say "outcome $ended"
}

run_again() { # what was made from the new files is made from the old ones
  lines again | while read -r _ again; do
    lines command | while read -r _ name limit words; do
      [ "$name" = "$again" ] || continue
      [ "$mode" != boot ] || limit=20
      # shellcheck disable=SC2086
      run_words "$limit" $words || true
    done
  done
}

put_back_enablement() {
  [ -f "$dir/services" ] || return 0
  while read -r unit _ enabled; do
    decode "$unit"
    case $enabled in
      enabled) systemctl --quiet enable -- "$value" 2>/dev/null ;;
      disabled | not-found | unknown | '') systemctl --quiet disable -- "$value" 2>/dev/null ;;
    esac
  done <"$dir/services"
}

untouched() { # SAVED PATH: the file is as it was saved, and may be one that cannot be written at all
  [ -f "$1" ] && [ -f "$2" ] && [ ! -L "$1" ] && [ ! -L "$2" ] && cmp -s -- "$1" "$2" &&
    [ "$(stat -c '%u %g %a %Y' -- "$1")" = "$(stat -c '%u %g %a %Y' -- "$2")" ]
}

undo() {
  say step undo
  release_services
  stuck=0
  if [ -f "$dir/before" ] && [ -e "$dir/committing" ]; then
    lines file | while read -r _ name number _; do
      decode "$name"
      rm -f -- "${value%/*}/.provision-new.$number" 2>/dev/null
    done
    # Last written, first put back.
    tac "$dir/before" | while read -r what name number more; do
      decode "$name"
      case $what in
        copy)
          if untouched "$dir/saved/$number" "$value"; then continue; fi
          back=${value%/*}/.provision-back
          rm -rf -- "$back"
          if cp -a -- "$dir/saved/$number" "$back"; then
            if [ -d "$value" ] && [ ! -L "$value" ]; then rm -rf -- "$value"; fi
            place "$back" "$value" || { rm -rf -- "$back"; say "left $name"; }
          else
            rm -rf -- "$back"
            say "left $name"
          fi
          ;;
        attributes)
          { { [ -d "$value" ] || mkdir -p -- "$value"; } && chown "$number:${more% *}" -- "$value" && chmod "${more#* }" "$value"; } || say "left $name"
          ;;
        absent)
          # A directory of configuration goes with all that came into it; in any other there may be
          # something of somebody's by now, mail above all: it goes only if it is empty.
          case $value in
            /etc/?*) rm -rf -- "$value" ;;
            *) if [ -L "$value" ] || [ ! -d "$value" ]; then rm -f -- "$value"; else rmdir -- "$value" 2>/dev/null; fi ;;
          esac
          for parent in $number $more; do
            rmdir -- "$(printf '%s' "$parent" | base64 -d)" 2>/dev/null || true
          done
          if [ -L "$value" ] || { [ -e "$value" ] && [ ! -d "$value" ]; }; then
            say "left $name"
          elif [ -d "$value" ]; then
            say "kept $name"
          fi
          ;;
      esac
      point "back $name"
    done 2>>"$dir/undo.log"
  fi
  unlock_accounts
  if [ -f "$dir/made" ]; then
    tac "$dir/made" | while read -r what name before; do
      case $what in
        user) userdel -- "$name" ;;
        group) groupdel -- "$name" ;;
        groups) usermod --groups "$before" -- "$name" ;;
      esac
    done >/dev/null 2>&1
  fi
  [ ! -e "$dir/ran" ] || run_again
  put_back_enablement
  # At boot nothing runs yet: it goes on with the old files.
  if [ "$mode" != boot ] && [ -e "$dir/committing" ] && [ -f "$dir/services" ]; then
    systemctl daemon-reload 2>/dev/null
    # What never saw the new files need not stop for the old ones.
    back=restart
    [ -e "$dir/activating" ] || back=reload-or-restart
    while read -r unit active _; do
      decode "$unit"
      systemctl reset-failed -- "$value" 2>/dev/null
      case $active in
        active | activating | reloading)
          timeout -k 5 120 systemctl "$back" -- "$value" >/dev/null 2>&1 || true
          systemctl is-active --quiet -- "$value" || say "left $unit"
          ;;
        *) timeout -k 5 120 systemctl stop -- "$value" >/dev/null 2>&1 || true ;;
      esac
    done <"$dir/services"
  fi
  if grep -q '^left ' "$dir/steps"; then stuck=1; fi
  if [ "$stuck" = 1 ]; then finish stuck; else finish undone; fi
}

forward() {
  date +%s >"$dir/began"
  [ "$(setting cutoff)" = yes ] && : >"$dir/cutoff"
  take_lock || { say 'outcome untouched'; rm -rf "$dir/new"; echo untouched >"$dir/outcome"; return; }
  if ! still_as_planned; then
    rm -rf "$dir/new"
    finish untouched
    return
  fi
  save_services
  point services
  if install_packages && point packages && make_accounts && point accounts && save && stage && point staged &&
    validate_before && warmed_up && go_on && commit &&
    validate_after && run_commands && { : >"$dir/activating"; activate; } && services_stay_up &&
    wait_for proof "$(setting deadline)" && others_proven && services_stay_up; then
    finish kept
  else
    undo
  fi
}

case ${1:-} in
  run | undo | boot | show)
    mode=$1 id=$2 dir=$state/history/$2
    shift 2
    # Held by whoever works on this transaction, for as long as they live.
    case $mode in run | undo | boot) exec 8>>"$dir/alive" && flock 8 ;; esac
    case $mode in
      run) forward ;;
      show) show_stage "$@" ;;
      undo | boot)
        # Also runs when a transaction has ended by itself: then there is nothing to do.
        if [ -e "$dir/outcome" ]; then clear_up; exit 0; fi
        exec 9>>"$state/lock"
        flock -w 60 9 || exit 75
        if [ -e "$dir/keeping" ]; then finish kept; exit 0; fi
        [ ! -e "$dir/committing" ] || : >"$dir/activating"
        undo
        ;;
    esac
    ;;
  *) front ;;
esac
