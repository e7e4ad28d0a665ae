#!/usr/bin/env bash
# try-deb.sh DEB: installs the package on this computer as root, looks whether what it promises is there and works, and
# takes it away again. Refuses where Strongroom is installed already, or its user or its folder is there. Needs what Debian's
# packages man-db and systemd bring (systemd-analyze; systemd itself need not run).
set -euo pipefail
deb=$(realpath "$1")
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"

fail() {
    echo "try-deb: $*" >&2
    exit 1
}

for tool in man systemd-analyze python3; do
    command -v "$tool" >/dev/null || fail "$tool is needed: apt install man-db systemd python3"
done
! dpkg -s strongroom >/dev/null 2>&1 || fail "strongroom is installed on this computer already"
! getent passwd strongroom >/dev/null || fail "there is a user strongroom already"
[ ! -e /var/lib/strongroom ] || fail "/var/lib/strongroom is there already"
[ ! -e /etc/strongroom ] || fail "/etc/strongroom is there already"

scratch=$(mktemp -d)
cleanup() {
    $as_root env STRONGROOM_PURGE=keys dpkg --purge --force-depends strongroom >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap cleanup EXIT

# Form: what lintian would look at first.
dpkg-deb --fsys-tarfile "$deb" | tar -tvf - >"$scratch/list"
! grep -v ' root/root ' "$scratch/list" || fail "not everything belongs to root"
! awk '$1 ~ /^.(.......w|....w....)/ && $1 !~ /^l/' "$scratch/list" | grep . || fail "others may write there"
dpkg-deb -e "$deb" "$scratch/control"
for script in postinst prerm postrm; do sh -n "$scratch/control/$script"; done
[ -z "$(dpkg-deb -f "$deb" Conffiles 2>/dev/null)" ] || fail "it has files that an upgrade would ask about"

# --force-depends: whether Debian's own packages are there is apt's business.
# Small systems leave pages and examples out of every package: not here.
$as_root dpkg --install --force-depends --path-include="/usr/share/man/*" --path-include="/usr/share/doc/*" "$deb" >"$scratch/installed"
grep -q 'nothing is started. To begin: strongroom config example' "$scratch/installed" || fail "it does not say how to begin"
[ "$(strongroom --version)" = "strongroom $(dpkg-deb -f "$deb" Version)" ] || fail "another strongroom runs"
[ "$(stat -c '%U:%G %a' /var/lib/strongroom)" = "strongroom:strongroom 700" ] || fail "the folder for keys is not private"
[ "$(getent passwd strongroom | cut -d : -f 6,7)" = /var/lib/strongroom:/usr/sbin/nologin ] || fail "the user can log in"
[ ! -e /etc/systemd/system/timers.target.wants/strongroom.timer ] || fail "it started something by itself"
dpkg --verify strongroom

# Each command has its page, and each page has text.
pages=$(find /usr/share/man/man1 -name 'strongroom*.1.gz' | wc -l)
[ "$pages" -gt 50 ] || fail "only $pages manual pages"
for page in /usr/share/man/man1/strongroom*.1.gz; do
    zcat "$page" | grep -q '^\.SH NAME' || fail "$page is no manual page"
done
man -l /usr/share/man/man1/strongroom.1.gz >"$scratch/page" 2>&1
grep -q 'Exit codes' "$scratch/page" || fail "man shows no page"
man --warnings -l /usr/share/man/man1/strongroom*.1.gz 2>"$scratch/warnings" >"$scratch/pages"
[ "$(wc -l <"$scratch/pages")" -gt $((pages * 10)) ] || fail "man shows not all pages"
[ ! -s "$scratch/warnings" ] || fail "man warns: $(head -3 "$scratch/warnings")"
bash -c 'source /usr/share/bash-completion/completions/strongroom
    COMP_WORDS=(strongroom con) COMP_CWORD=1 && _strongroom strongroom con strongroom && [ "${COMPREPLY[*]}" = config ]' \
    || fail "bash completes nothing"
grep -q '^#compdef strongroom' /usr/share/zsh/vendor-completions/_strongroom || fail "zsh completes nothing"
grep -q 'complete -c strongroom' /usr/share/fish/vendor_completions.d/strongroom.fish || fail "fish completes nothing"
! grep -rq 'package-files' /usr/share/bash-completion/completions/strongroom || fail "commands that nobody types are completed"
python3 -m json.tool /usr/share/strongroom/council.schema.json >/dev/null || fail "the schema is no JSON"
strongroom --config /usr/share/doc/strongroom/examples/council.minimal.toml config check | grep -q 'The configuration is right' \
    || fail "the example is refused"

# The units: systemd takes them, and finds little to say against them (10 is wide open).
units=0
for unit in /usr/lib/systemd/system/strongroom*; do
    said=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep -F "$(basename "$unit")" || true)
    [ -z "$said" ] || fail "$said"
    units=$((units + 1))
done
[ "$units" -ge 6 ] || fail "only $units units"
# Whether verify would say something: a unit that nobody should take.
sed 's/^ExecStart=.*/ExecStart=nowhere/' /usr/lib/systemd/system/strongroom.service >"$scratch/wrong.service"
said=$(systemd-analyze verify --man=no "$scratch/wrong.service" 2>&1 || true)
grep -qF wrong.service <<<"$said" || fail "systemd-analyze takes anything"
for unit in /usr/lib/systemd/system/strongroom*.service; do
    systemd-analyze security --offline=true --threshold=20 "$unit" >"$scratch/rated" || fail "$(tail -1 "$scratch/rated")"
    grep -F 'Overall exposure level' "$scratch/rated" || fail "systemd-analyze does not rate $unit"
done

# Keys stay after a purge, and go when it is said so.
$as_root touch /var/lib/strongroom/keys
$as_root dpkg --purge --force-depends strongroom >"$scratch/purged" 2>&1
grep -q 'keys and journal are kept in /var/lib/strongroom' "$scratch/purged" || fail "it does not say that the keys are kept"
$as_root test -e /var/lib/strongroom/keys || fail "the purge took the keys"
! command -v strongroom >/dev/null || fail "the program is still there"
$as_root dpkg --install --force-depends "$deb" >/dev/null
$as_root env STRONGROOM_PURGE=keys dpkg --purge --force-depends strongroom >/dev/null 2>&1
[ ! -e /var/lib/strongroom ] || fail "the keys are kept although they should go"
for user in strongroom strongroom-watch; do
    ! getent passwd "$user" >/dev/null || fail "the user $user is kept although it should go"
done
echo "try-deb: installed, looked at, and removed: $(basename "$deb"), $pages manual pages"
