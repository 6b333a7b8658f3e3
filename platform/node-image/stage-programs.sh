#!/usr/bin/env bash
# Copies programs with the libraries that they load, and what the network programs read, to a folder.
#
#   stage-programs.sh FOLDER PROGRAM…
set -euo pipefail
stage=$1
shift
mkdir -p "$stage"/{tmp,run,etc,var,usr/{bin,sbin,lib,lib64}}
for link in bin sbin lib lib64; do ln -s "usr/$link" "$stage/$link"; done

# A file under its own path, and what it links to under that one's.
copy() {
  [[ -e $stage$1 || -L $stage$1 ]] || cp --archive --parents "$1" "$stage"
  if [[ -L $1 ]]; then copy "$(realpath "$1")"; fi
}
# /bin/x and /usr/bin/x are one file, and the folder has only /usr.
in_usr() { echo "/usr${1#/usr}"; }

for program in "$@"; do
  path=$(in_usr "$(realpath --no-symlinks "$(type -P "$program")")")
  copy "$path"
  while read -r library; do copy "$(in_usr "$library")"; done \
    < <(ldd "$path" 2>/dev/null | grep -o '/[^ ]*')
done
libraries=$(dirname "$(realpath /usr/lib/*-linux-gnu/libc.so.6)")
for each in "$libraries"/xtables "$libraries"/lib{ip4tc,ip6tc,xtables,nss_files,nss_dns}.so* \
  /etc/alternatives /usr/sbin/*tables* /etc/ssl/certs/ca-certificates.crt /etc/passwd /etc/group \
  /etc/nsswitch.conf; do
  if [[ -e $each ]]; then copy "$each"; fi
done
