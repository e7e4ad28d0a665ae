#!/usr/bin/env bash
# try-units.sh DEB: the units of the package under a running systemd, by hand and as root: in namespaces and an overlay of
# its own, so that this computer is not changed. Needs systemd, an overlay file system and control groups; takes a minute.
#
# A run, a look by `doctor` and the service at work: documents that are their owner's alone, a repository on a disk,
# credentials of which most are not there, Landlock around the examination, priorities in the journal.
set -euo pipefail

# The first process in the namespaces: makes the overlay the root, with little else, and becomes systemd.
boot() { # SCRATCH
    mount --make-rprivate /
    mount -t tmpfs tmpfs "$1/layers"
    mkdir "$1/layers/upper" "$1/layers/work" "$1/layers/root"
    local root=$1/layers/root name
    mount -t overlay overlay -o "lowerdir=/,upperdir=$1/layers/upper,workdir=$1/layers/work" "$root"
    mount -t proc proc "$root/proc"
    # Nothing here may turn a screw of the kernel.
    mount --bind "$root/proc/sys" "$root/proc/sys"
    mount -o remount,bind,ro "$root/proc/sys"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
    mkdir "$root/sys/fs/cgroup/systemd"
    mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
    for name in run tmp dev; do mount -t tmpfs tmpfs "$root/$name"; done
    mkdir -p "$root/dev/pts" "$root/dev/shm" "$root/out" "$root/before"
    for name in null zero full random urandom tty; do
        touch "$root/dev/$name"
        mount --bind "/dev/$name" "$root/dev/$name"
    done
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    mount --bind "$1/out" "$root/out"
    # Only systemd, its journal and ours: whatever else this computer starts at boot is hidden.
    rm -rf "$root"/etc/systemd/system/*
    for name in systemd-{sysctl,udevd,udev-trigger,hwdb-update,binfmt,modules-load,remount-fs,firstboot,sysusers} \
        systemd-{tmpfiles-setup,tmpfiles-setup-dev,random-seed,logind,timesyncd,journal-flush,update-utmp,pstore}; do
        ln -s /dev/null "$root/etc/systemd/system/$name.service"
    done
    : >"$root/etc/fstab"
    printf '%s\n' '[Unit]' 'Requires=t.service' >"$root/etc/systemd/system/t.target"
    printf '%s\n' '[Unit]' 'DefaultDependencies=no' 'Requires=systemd-journald.service' 'After=systemd-journald.service' \
        '[Service]' 'Type=oneshot' 'ExecStart=/bin/bash /out/inside.sh' 'ExecStopPost=/bin/systemctl poweroff -ff' \
        'StandardOutput=file:/out/log' 'StandardError=inherit' >"$root/etc/systemd/system/t.service"
    cd "$root"
    pivot_root . before
    cd /
    umount -l /before
    exec env -i container=lxc PATH="$PATH" /lib/systemd/systemd --system --unit=t.target --log-target=journal \
        </dev/null >/dev/null 2>&1
}

inside() {
    set -euxo pipefail
    dpkg --install --force-depends /out/strongroom.deb
    useradd clerk
    mkdir -p /srv/council/Documents /srv/backup /etc/credstore
    printf 'Resolved.\n' >'/srv/council/Documents/HOSTILE <0>name.txt'
    chown -R clerk /srv/council
    chmod -R go= /srv/council
    chown strongroom /srv/backup
    install -m 600 /dev/null /etc/credstore/smtp-password
    sed 's|s3://bucket/prefix|file:///srv/backup|; /^\[notify.mail\]/,$d' \
        /usr/share/doc/strongroom/examples/council.minimal.toml >/etc/strongroom/council.toml
    runuser -u strongroom -- strongroom init --recovery-key-file /var/lib/strongroom/sheet.txt
    strongroom schedule install
    sed 's|^ExecStart=.*|ExecStart=/usr/bin/strongroom doctor|; /^OnFailure=/d' /etc/systemd/system/strongroom.service \
        >/etc/systemd/system/look.service
    systemctl daemon-reload
    systemctl start strongroom.service
    # It ends with 1, for this set-up is not what a council should have.
    systemctl start look.service || true
    journalctl -u look.service -o cat --no-pager | grep '^ok  *documents are examined where they reach no other file'
    journalctl -u strongroom.service -o cat --no-pager | grep 'everything came back from the store as it was'
    ! journalctl -u strongroom.service -u look.service -p info --no-pager | grep HOSTILE
    strongroom schedule install --serve --yes
    systemctl show strongroom-serve.service -p StatusText | grep 'The next run is due'
    systemctl reload strongroom-serve.service
    systemctl stop strongroom-serve.service
    [ "$(systemctl show strongroom-serve.service -p Result --value)" = success ]
    touch /out/good
}

case $1 in
    --boot) boot "$2" ;;
    --inside) inside ;;
    *)
        scratch=$(mktemp -d)
        trap 'rm -rf "$scratch"' EXIT
        mkdir "$scratch/layers" "$scratch/out"
        cp "$1" "$scratch/out/strongroom.deb"
        cp "$0" "$scratch/out/try-units.sh"
        echo 'exec bash /out/try-units.sh --inside' >"$scratch/out/inside.sh"
        timeout -k 5 300 unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child \
            bash "$0" --boot "$scratch" || true
        [ -e "$scratch/out/good" ] || {
            tail -40 "$scratch/out/log" >&2
            exit 1
        }
        echo "try-units: the units ran under systemd"
        ;;
esac
