# The root of a kind node, on Debian's packages: what kind's own images/base/Dockerfile makes, less
# what it downloads. `files` is that folder of kind's Go module.
FROM scratch
ADD rootfs.tar /
COPY files/etc/ /etc/
COPY files/kind/ /kind/
COPY files/usr/local/bin/ /usr/local/bin/
# Units that have no sense in a container are taken out; those of the node are switched on.
RUN chmod 755 /kind /kind/bin /kind/bin/* /usr/local/bin/* \
 && cd /lib/systemd/system \
 && rm -f sysinit.target.wants/systemd-tmpfiles-setup.service multi-user.target.wants/* \
      local-fs.target.wants/* basic.target.wants/* sockets.target.wants/*udev* \
      sockets.target.wants/*initctl* /etc/systemd/system/*.wants/* \
 && echo ReadKMsg=no >> /etc/systemd/journald.conf \
 && ln -sf /usr/bin/containerd /usr/bin/ctr /usr/bin/containerd-shim-runc-v2 /usr/local/bin/ \
 && ln -sf /usr/lib/systemd/systemd /sbin/init \
 && systemctl enable kubelet.service containerd.service undo-mount-hacks.service \
 && systemctl mask systemd-binfmt.service \
 && mkdir -p /etc/kubernetes/manifests /opt/cni /etc/containerd/certs.d \
 && ln -s /usr/lib/cni /opt/cni/bin
# kind's runtime spec gives every container the host's product files. The pause image's tag is the one
# of kubeadm, and an engine without CAP_SYS_RESOURCE cannot lower a process's OOM score.
RUN ctr oci spec \
      | jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
      > /etc/containerd/cri-base.json \
 && sed -i -e 's#pause:3.10"#pause:3.10.1"#' \
      -e 's#restrict_oom_score_adj = false#restrict_oom_score_adj = true#' \
      /etc/containerd/config.toml \
 && printf '\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"\n' \
      >> /etc/containerd/config.toml \
 && containerd config dump > /dev/null
ENV container=docker
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]
