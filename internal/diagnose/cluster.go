package diagnose

func clusterRows() []row {
	return []row{
		{
			id: "kind-missing", plane: Kubernetes, message: "no matches for kind",
			cause: "the cluster does not know kars' resources: the step crds has not run, or they were deleted",
			fix:   []Fix{{"have kars bring them back", "kars up"}},
			doc:   "https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/custom-resources/",
		},
		{
			id: "kubernetes-unauthorized", plane: Kubernetes, status: 401,
			cause: "the cluster does not take the kubeconfig's credential: the cluster was made anew or its certificates were rotated",
			fix:   []Fix{{"have kars get a new one", "kars up"}},
			doc:   "https://learn.microsoft.com/azure/aks/certificate-rotation",
		},
		{
			id: "kubernetes-forbidden", plane: Kubernetes, status: 403,
			cause: "the caller may not do this in the cluster; where Azure RBAC authorises, Contributor holds no data action",
			fix: []Fix{{
				"have an Owner grant the role at the cluster; it takes up to five minutes to be seen",
				`az role assignment create --assignee <object id> --role "Azure Kubernetes Service RBAC Cluster Admin" --scope <cluster's id>`,
			}},
			doc: "https://learn.microsoft.com/azure/aks/manage-azure-rbac",
		},
	}
}

func machineRows() []row {
	return []row{
		{
			id: "local-azure-down", plane: Machine, codes: []string{"LocalAzureNotRunning"},
			cause: "the local Azure does not run, or was killed; its state is on disk",
			fix: []Fix{
				{"start it", "kars local start"},
				{"see why it ended", "kars local logs"},
			},
		},
		{
			id: "unreachable", plane: Machine, codes: []string{"Unreachable"},
			cause: "no answer came: this machine has no network, a proxy or firewall is in the way, or the connection broke",
			fix:   []Fix{{"see that the network is there, and that HTTPS_PROXY names the proxy if there is one; then run the same command again", ""}},
		},
		{
			id: "malformed-answer", plane: Machine, codes: []string{"MalformedAnswer"},
			cause: "something between here and Azure answered in its place, as a proxy or a network's sign-in page, or cut the answer off",
			fix:   []Fix{{"sign in to the network, or see that HTTPS_PROXY names the right proxy; then run the same command again", ""}},
		},
		{
			id: "context-in-use", plane: Machine, codes: []string{"ContextInUse"},
			cause: "another kars is working on the same cluster",
			fix:   []Fix{{"wait for its end; this command then continues from there", ""}},
		},
	}
}

func generalRows() []row {
	return []row{
		{
			id: "throttled", status: 429,
			cause: "too many requests were sent of late, by kars or by others in the same subscription or tenant",
			fix:   []Fix{{"wait some minutes and run the same command again; it continues from there", ""}},
			doc:   "https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling",
		},
		{
			id: "service-unavailable", status: 503,
			cause: "the service cannot answer at present",
			fix:   []Fix{{"wait some minutes and run the same command again; it continues from there", ""}},
			doc:   "https://azure.status.microsoft/",
		},
		{
			id: "service-failed", status: 500,
			cause: "the service failed at the request, by no fault of the caller",
			fix:   []Fix{{"wait some minutes and run the same command again; it continues from there", ""}},
			doc:   "https://azure.status.microsoft/",
		},
		{
			id: "service-unreachable", status: 502,
			cause: "the service, or a gateway before it, cannot answer at present",
			fix:   []Fix{{"wait some minutes and run the same command again; it continues from there", ""}},
			doc:   "https://azure.status.microsoft/",
		},
		{
			id: "service-late", status: 504,
			cause: "the service did not answer its gateway in time",
			fix:   []Fix{{"wait some minutes and run the same command again; it continues from there", ""}},
			doc:   "https://azure.status.microsoft/",
		},
	}
}
