package diagnose

func subscriptionRows() []row {
	return []row{
		{
			id: "feature-not-registered", plane: ARM, codes: []string{"SubscriptionNotEnabledEncryptionAtHost"},
			cause: encryptionAtHostCause, fix: encryptionAtHostFix(), doc: encryptionAtHostDoc,
		},
		{
			id: "feature-not-registered", plane: ARM, codes: []string{"FeatureNotRegistered", "InvalidParameter", "BadRequest"}, message: "encryption ?at ?host",
			cause: encryptionAtHostCause, fix: encryptionAtHostFix(), doc: encryptionAtHostDoc,
		},
		{
			id: "preview-not-registered", plane: ARM, codes: []string{"FeatureNotRegistered"},
			cause: "the subscription has not yet got a preview feature that the deployment uses; registering one takes five to fifteen minutes",
			fix: []Fix{
				{"see which features are being registered", "az feature list --query \"[?properties.state=='Registering']\" --output table"},
				{"wait until it says Registered, then run the same command again", ""},
			},
			doc: "https://learn.microsoft.com/azure/azure-resource-manager/management/preview-features",
		},
		{
			id: "subscription-not-registered", plane: ARM,
			codes: []string{"SubscriptionNotRegistered", "MissingSubscriptionRegistration", "NoRegisteredProviderFound"},
			cause: "the subscription may not use {namespace} until it is registered; a locked-down subscription does not register by itself",
			fix: []Fix{
				{"register it; Registered takes a minute or two", "az provider register --namespace {namespace} --wait"},
				{"run the same command again", ""},
			},
			doc: "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider",
		},
		{
			id: "model-quota-exceeded", plane: ARM, codes: []string{"InsufficientQuota"},
			cause: "the subscription's quota of tokens a minute for this model in this region is used up; a deleted account keeps what its deployments had for two days",
			fix: []Fix{
				{"see what is used", "az cognitiveservices usage list --location <region> --output table"},
				{"see which deleted accounts keep quota, and purge one", "az cognitiveservices account list-deleted --output table"},
				{"or use a region that has some left", "kars up --region <region>"},
			},
			doc: "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota",
		},
		{
			id: "quota-exceeded", plane: ARM,
			codes: []string{"ResourceQuotaExceeded", "QuotaExceeded", "ErrCode_InsufficientVCPUQuota", "InsufficientVCPUQuota"},
			cause: quotaCause, fix: quotaFix(), doc: quotaDoc,
		},
		{
			// AKS' page on sizes has "quotas" in its address: before what says quota.
			id: "sku-not-available", plane: ARM, codes: []string{"BadRequest"}, message: "vm size of .{0,60} is not allowed in your subscription",
			cause: skuCause, fix: skuFix(), doc: skuDoc,
		},
		{
			id: "quota-exceeded", plane: ARM, codes: []string{"OperationNotAllowed", "BadRequest"}, message: "quota",
			cause: quotaCause, fix: quotaFix(), doc: quotaDoc,
		},
		{
			id: "sku-not-available", plane: ARM,
			codes: []string{"SkuNotAvailable", "NotAvailableForSubscription", "AvailabilityZoneNotSupported", "AllocationFailed", "ZonalAllocationFailed", "OverconstrainedAllocationRequest"},
			cause: skuCause, fix: skuFix(), doc: skuDoc,
		},
		{
			id: "size-without-encryption", plane: ARM, codes: []string{"VMSizeDoesNotSupportEncryptionAtHost"},
			cause: "machines of this size have no encryption at host, which the nodes use",
			fix:   []Fix{{"see which sizes have it", `az vm list-skus --location <region> --resource-type virtualMachines --query "[?capabilities[?name=='EncryptionAtHostSupported' && value=='True']].name"`}},
			doc:   encryptionAtHostDoc,
		},
		{
			id: "model-not-offered", plane: ARM, codes: []string{"DeploymentModelNotSupported"},
			cause: "Azure does not offer this model, or this version of it, in the region",
			fix: []Fix{
				{"see what it offers", "az cognitiveservices model list --location <region> --output table"},
				{"use another region, or another model", "kars up --region <region>"},
			},
			doc: "https://learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/models-sold-directly-by-azure",
		},
		{
			id: "location-not-available", plane: ARM,
			codes: []string{"LocationNotAvailableForResourceType", "LocationNotAvailableForResourceGroup"},
			cause: "Azure does not offer a resource type of the plan in this region",
			fix:   []Fix{{"use another region", "kars up --region <region>"}},
			doc:   "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-sku-not-available",
		},
		{
			id: "other-location", plane: ARM, codes: []string{"InvalidResourceGroupLocation", "InvalidResourceLocation"},
			cause: "something of this name is there in another region, and nothing can move",
			fix: []Fix{
				{"use the region that it is in", "kars up --region <region>"},
				{"or another group", "kars up --resource-group <name>"},
			},
			doc: "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-invalid-template",
		},
		{
			id: "subscription-not-found", plane: ARM, codes: []string{"SubscriptionNotFound", "InvalidSubscriptionId"},
			cause: "there is no such subscription in the tenant that the caller is signed in to, or the caller has no role in it",
			fix: []Fix{
				{"see which there are", "az account list --output table"},
				{"name one of them", "kars up --subscription <id> --tenant <id>"},
			},
			doc: "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found",
		},
		{
			id: "subscription-disabled", plane: ARM, codes: []string{"ReadOnlyDisabledSubscription", "SubscriptionDisabled"},
			cause: "the subscription is disabled: it can be read and nothing in it changed",
			fix:   []Fix{{"have its account administrator reactivate it, or name another", "kars up --subscription <id>"}},
			doc:   "https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-disabled",
		},
		{
			id: "disallowed-by-policy", plane: ARM, codes: []string{"RequestDisallowedByPolicy", "PolicyViolation", "RequestDisallowedByAzure"},
			cause: "an Azure Policy of the subscription or of a management group above it forbids a resource as planned; the message names the policy",
			fix: []Fix{
				{"see what it asks for", "az policy assignment list --disable-scope-strict-match --output table"},
				{"have its owner make an exemption for the resource group", "az policy exemption create --name kars --exemption-category Waiver --policy-assignment <id> --resource-group {group}"},
			},
			doc: "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-policy-requestdisallowedbypolicy",
		},
	}
}

const (
	encryptionAtHostCause = "the subscription has not yet got encryption at host, which the nodes use; registering it takes five to fifteen minutes"
	encryptionAtHostDoc   = "https://learn.microsoft.com/azure/virtual-machines/linux/disks-enable-host-based-encryption-cli"
	skuCause              = "the region has no such size left, or does not offer it to the subscription"
	skuDoc                = "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-sku-not-available"
	quotaCause            = "the subscription's quota in this region is used up, most often that of virtual CPUs"
	quotaDoc              = "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-resource-quota"
)

func encryptionAtHostFix() []Fix {
	return []Fix{
		{"register it, if nobody has", "az feature register --namespace Microsoft.Compute --name EncryptionAtHost"},
		{"wait until it says Registered", "az feature show --namespace Microsoft.Compute --name EncryptionAtHost --query properties.state"},
		{"have the provider take it up", "az provider register --namespace Microsoft.Compute"},
		{"run the same command again", ""},
	}
}

func skuFix() []Fix {
	return []Fix{
		{"use another region", "kars up --region <region>"},
		{"see what the subscription may use where", "az vm list-skus --size <size> --all --output table"},
	}
}

func quotaFix() []Fix {
	return []Fix{
		{"see what is used", "az vm list-usage --location <region> --output table"},
		{"ask for more in the portal, under Quotas", ""},
		{"or use a region that has some left", "kars up --region <region>"},
	}
}
