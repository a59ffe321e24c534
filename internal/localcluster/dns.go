package localcluster

import (
	"fmt"
	"net/netip"
	"strings"
)

// azureZones are the public names that the local Azure answers for, those of
// the sovereign clouds too.
var azureZones = []string{
	"azure.com", "azure.net", "azurecr.io", "microsoft.com", "microsoftonline.com", "windows.net", "ghcr.io",
	"azure.us", "azurecr.us", "microsoftonline.us", "usgovcloudapi.net",
	"azure.cn", "azurecr.cn", "chinacloudapi.cn",
}

// corefile configures CoreDNS. It answers Azure's names with the address of
// the local Azure, the API server's, in a pod the cluster's, and nothing else:
// there is nobody whom it could ask.
func corefile(fqdn string, bind netip.Addr, cluster bool) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if cluster {
		line("cluster.local in-addr.arpa {")
		line("  errors")
		line("  health")
		line("  ready")
		line("  kubernetes cluster.local in-addr.arpa {")
		line("    pods insecure")
		line("    ttl 30")
		line("  }")
		line("  loadbalance")
		line("}")
	}
	line(". {")
	line("  errors")
	if bind.IsValid() {
		line("  bind %s", bind)
	}
	line("  cache 30")
	answer := func(address netip.Addr, zones string) {
		line("  template IN A %s {", zones)
		line(`    answer "{{ .Name }} 30 IN A %s"`, address)
		line("  }")
		line("  template IN ANY %s {", zones) // a name without other records
		line("    rcode NOERROR")
		line("  }")
	}
	if fqdn != "" {
		answer(controlAddress, fqdn)
	}
	answer(azureAddress, strings.Join(azureZones, " "))
	line("  template ANY ANY . {")
	line("    rcode NXDOMAIN")
	line("  }")
	line("}")
	return b.String()
}
