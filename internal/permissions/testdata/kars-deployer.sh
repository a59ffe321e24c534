#!/bin/sh
# The rest of `kars up`, after an owner has run kars-owner.sh. It takes Contributor at
# /subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/kars-eastus2 and no more.
# Without a directory role it ends in the anonymous tier; whoever holds one completes trust
# afterwards: kars mesh setup-trust
set -eu

kars up --subscription 11111111-1111-1111-1111-111111111111 --tenant 22222222-2222-2222-2222-222222222222 --region eastus2 --resource-group kars-eastus2 --cluster-name kars
