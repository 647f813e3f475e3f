# Sets, releases or shows the lock that a person puts on a host for a while. Run as root by `sh`; POSIX.
#
# stdin is one line, its words encoded as everywhere (see decode in transaction.sh):
#   set SECONDS WHO FORCE REASON     lock for so long from now on
#   release WHO FORCE                end the lock
# A lock of somebody else is left alone unless FORCE is yes. The answer: the host's time, the lock as it
# was, whether a transaction is at work now, and what was done.
set -u
umask 077
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
state=/var/lib/provision

read -r verb first second third reason || exit 64
case $verb in
  set) seconds=$first who=$second force=$third ;;
  release) who=$first force=$second ;;
  *) exit 64 ;;
esac

now=$(date +%s)
echo 'provision-hold 1'
echo "now $now"
until='' owner=''
if [ -f "$state/hold" ]; then
  printf 'was %s\n' "$(head -c 10000 "$state/hold" | base64 -w0)"
  while read -r key word; do
    case $key in until) until=$word ;; who) owner=$word ;; esac
  done <"$state/hold"
fi
case $until in '' | *[!0-9]*) until=0 ;; esac
if [ -f "$state/lock" ] && ! flock -n "$state/lock" true 2>/dev/null; then
  echo "busy $(head -c 400 "$state/holder" 2>/dev/null | tr -cd '[:alnum:]_./@:,+=%\\-')"
fi

if [ "$until" -gt "$now" ] && [ "$owner" != "$who" ] && [ "$force" != yes ]; then
  echo 'done refused'
elif [ "$verb" = release ]; then
  rm -f "$state/hold"
  if [ "$until" -gt "$now" ]; then echo 'done released'; else echo 'done nothing'; fi
else
  mkdir -p "$state" && chmod 700 "$state" &&
    printf 'until %s\nsince %s\nwho %s\nreason %s\n' "$((now + seconds))" "$now" "$who" "$reason" >"$state/hold.new" &&
    mv -f "$state/hold.new" "$state/hold" && echo 'done set'
fi
echo end
