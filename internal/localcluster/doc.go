// Package localcluster runs the Kubernetes behind the managed clusters of the
// local Azure: a real control plane and real nodes, as processes of this
// machine.
//
// Each cluster has a supervisor, a detached process that is PID 1 of a PID
// namespace and starts everything else in it. Whatever ends the supervisor,
// kill -9 included, ends the whole cluster with it: the kernel kills every
// process of the namespace, and the mounts and network namespaces go with the
// last process that uses them. What remains is the cluster's folder, from
// which the next start goes on, and empty control groups, which it removes.
//
// The network of a cluster has no way out:
//
//	host         127.0.0.1:port, the relay
//	control      10.224.0.1 on a bridge: etcd, API server, controllers;
//	             168.63.129.16: the nodes' DNS server
//	node         10.224.0.4 and on: containerd, kubelet, kube-proxy; on its
//	             loopback 203.0.113.10 (Azure) and 169.254.169.254 (IMDS)
//	pods         a /24 of the pod range at each node, routed without NAT
//
// Start with [New], which the local Azure is given, and [Supervise], which the
// supervisor's process calls.
package localcluster
