#!/usr/bin/env bash
# deb.sh PROGRAM OUT: makes OUT/strongroom_VERSION_ARCH.deb of a program that is built already.
#
# What is made from the program, it makes itself (strongroom package-files). Nothing is built, fetched or asked; the same
# program gives the same bytes (SOURCE_DATE_EPOCH, else the date of the last commit). Needs dpkg-deb and objdump.
set -euo pipefail
if [ $# -ne 2 ]; then
    sed -n '2,5p' "$0" >&2
    exit 2
fi
program=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
cd "$(dirname "$0")/.."

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
umask 022
version=$("$program" --version | cut -d ' ' -f 2)
arch=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
# A temporary folder is its owner's alone; the package's root is everybody's.
chmod 755 "$tree"

put() { install -D -m "$1" "$2" "$tree/$3"; }

put 755 "$program" usr/bin/strongroom
if [ "${STRIP:-yes}" = yes ]; then strip --strip-unneeded "$tree/usr/bin/strongroom"; fi
for unit in config/*.service config/*.timer; do
    put 644 "$unit" "usr/lib/systemd/system/$(basename "$unit")"
done
for file in config/*.toml; do
    put 644 "$file" "usr/share/doc/strongroom/examples/$(basename "$file")"
done
for file in config/retention/*; do
    put 644 "$file" "usr/share/strongroom/retention/$(basename "$file")"
done
for page in README.md docs/*.md docs/*.py src/repo/FORMAT.md; do
    put 644 "$page" "usr/share/doc/strongroom/$(basename "$page")"
done
put 644 packaging/debian/copyright usr/share/doc/strongroom/copyright
gzip -9n <CHANGELOG.md >"$tree/usr/share/doc/strongroom/changelog.gz"
# Where council.toml goes. Its folder is everybody's to read: no secret stands in it.
mkdir -p "$tree/etc/strongroom"

made=$(mktemp -d -p "$tree")
"$program" --quiet package-files "$made"
put 644 "$made/council.schema.json" usr/share/strongroom/council.schema.json
for page in "$made"/man/*.1; do
    put 644 "$page" "usr/share/man/man1/$(basename "$page")"
done
gzip -9n "$tree"/usr/share/man/man1/*.1
put 644 "$made/completions/strongroom.bash" usr/share/bash-completion/completions/strongroom
put 644 "$made/completions/_strongroom" usr/share/zsh/vendor-completions/_strongroom
put 644 "$made/completions/strongroom.fish" usr/share/fish/vendor_completions.d/strongroom.fish
rm -rf "$made"

# The C library must be as new as the newest of its symbols that the program names.
libc=$(objdump -T "$tree/usr/bin/strongroom" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1 | cut -d _ -f 2)
mkdir "$tree/DEBIAN"
sed -e "s/{VERSION}/$version/; s/{ARCH}/$arch/; s/{LIBC}/$libc/; s/{SIZE}/$(du -sk --exclude=DEBIAN "$tree" | cut -f 1)/" \
    packaging/debian/control >"$tree/DEBIAN/control"
for script in postinst prerm postrm; do
    put 755 "packaging/debian/$script" "DEBIAN/$script"
done
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
find "$tree" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz -z3 --build "$tree" "$out/strongroom_${version}_$arch.deb"
