# A small Debian userland (a shell, the packet filter's and the routing programs) for the images that
# call programs, taken out of the node's own root.
ARG BASE
FROM ${BASE} AS stage
COPY stage-programs.sh /
RUN bash /stage-programs.sh /stage \
      bash sh cat ls cp mv rm mkdir ln sleep echo chmod chown id env true false date hostname head \
      tail grep sed find wc sort tr cut tee touch test ps kill \
      ip ss nft conntrack ipset iptables iptables-save iptables-restore ip6tables ip6tables-save \
      ip6tables-restore xtables-nft-multi xtables-legacy-multi

FROM scratch
COPY --from=stage /stage/ /
ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin
CMD ["/bin/bash"]
