// Says what kind makes of a cluster's configuration, without a container engine: reads it from standard
// input, and prints it as JSON with kind's defaults, and the configuration of kubeadm that each node gets.
// What kind refuses is told on standard error, with exit code 1.
//
// It is built inside kind's own module, because other modules may not import what it needs.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"sigs.k8s.io/kind/pkg/cluster/internal/kubeadm"
	"sigs.k8s.io/kind/pkg/cluster/internal/providers/common"
	"sigs.k8s.io/kind/pkg/errors"
	"sigs.k8s.io/kind/pkg/internal/apis/config"
	"sigs.k8s.io/kind/pkg/internal/apis/config/encoding"
	"sigs.k8s.io/kind/pkg/internal/patch"
)

// In the place of the address that a node's container gets from its engine; of a network for examples.
const nodeAddress = "192.0.2.1"

type result struct {
	Config *config.Cluster
	// By node, as kind names them.
	Kubeadm map[string]string
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: kind-config KUBERNETES_VERSION < kind-config.yaml")
		os.Exit(2)
	}
	checked, err := check(os.Stdin, os.Args[1])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(checked)
	}
	if err == nil {
		return
	}
	problems := errors.Errors(err)
	if len(problems) == 0 {
		problems = []error{err}
	}
	for _, problem := range problems {
		fmt.Fprintln(os.Stderr, problem)
	}
	os.Exit(1)
}

func check(input io.Reader, version string) (*result, error) {
	raw, err := io.ReadAll(input)
	if err != nil {
		return nil, err
	}
	cluster, err := encoding.Parse(raw)
	if err != nil {
		return nil, err
	}
	if err := cluster.Validate(); err != nil {
		return nil, err
	}
	files := map[string]string{}
	nameFor := common.MakeNodeNamer(cluster.Name)
	for _, node := range cluster.Nodes {
		name := nameFor(string(node.Role))
		if files[name], err = kubeadmConfig(cluster, node, name, version); err != nil {
			return nil, err
		}
	}
	return &result{cluster, files}, nil
}

// As kind's action `config` does it (pkg/cluster/internal/create/actions/config), which asks the engine for
// the node's version and address.
func kubeadmConfig(cluster *config.Cluster, node config.Node, name, version string) (string, error) {
	labels := []string{}
	for key, value := range node.Labels {
		labels = append(labels, key+"="+value)
	}
	sort.Strings(labels)
	text, err := kubeadm.Config(kubeadm.ConfigData{
		ClusterName:          cluster.Name,
		KubernetesVersion:    version,
		ControlPlaneEndpoint: fmt.Sprintf("%s-control-plane:%d", cluster.Name, common.APIServerInternalPort),
		APIBindPort:          common.APIServerInternalPort,
		APIServerAddress:     cluster.Networking.APIServerAddress,
		NodeProvider:         "docker",
		ControlPlane:         node.Role == config.ControlPlaneRole,
		NodeAddress:          nodeAddress,
		NodeName:             name,
		Token:                kubeadm.Token,
		KubeProxyMode:        string(cluster.Networking.KubeProxyMode),
		PodSubnet:            cluster.Networking.PodSubnet,
		ServiceSubnet:        cluster.Networking.ServiceSubnet,
		FeatureGates:         cluster.FeatureGates,
		RuntimeConfig:        cluster.RuntimeConfig,
		IPFamily:             cluster.Networking.IPFamily,
		NodeLabels:           strings.Join(labels, ","),
	})
	if err != nil {
		return "", err
	}
	if text, err = patch.KubeYAML(text, cluster.KubeadmConfigPatches, cluster.KubeadmConfigPatchesJSON6902); err != nil {
		return "", err
	}
	return patch.KubeYAML(text, node.KubeadmConfigPatches, node.KubeadmConfigPatchesJSON6902)
}
