"""The secret formats Turnout knows: each with where it is published. RE2 syntax, matched on UTF-8 bytes.

A prefixed format names itself, so a match is enough; the published documentation examples (`AKIAIOSFODNN7EXAMPLE`)
count as secrets too: keeping one call local by mistake costs little, letting a key out costs a key. Formats that are
only a name beside a value carry `weighed`: the value must then look random and not be a placeholder.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SecretRule:
    kind: str
    """What the ledger and refusals call it; never anything of the match."""
    source: str
    """Where the format is published."""
    marks: tuple[str, ...]
    """Literals, in any case, of which every match holds one; empty: the pattern itself is the prefilter."""
    pattern: str
    weighed: bool = False
    """Group 1 must look random and not be a placeholder."""
    tail: str = r"(?:\.?[A-Za-z0-9_+/=~%-])*"
    """What may follow the pattern and is the secret's too: a pattern needs no more of it than tells it from anything else."""


_GITLAB = "https://docs.gitlab.com/security/tokens/"
_DETECT = "named detector of Yelp detect-secrets"
_HEX = "[a-f0-9]"

RULES: tuple[SecretRule, ...] = (
    SecretRule("aws access key", "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html", ("akia", "asia", "abia", "acca", "a3t"), r"\b(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}\b"),
    SecretRule("aws secret key", "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html", ("aws", "secretaccesskey", "secret_access_key", "secret access key"), r"(?i)(?:aws[\w .-]{0,30}|secret[_ ]?access[_ ]?key)[\"']?\s{0,3}(?::|=>|=|\s)\s{0,3}[\"']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+]|$)", weighed=True),
    SecretRule("aws bedrock key", "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html", ("absk",), r"\bABSK[A-Za-z0-9+/]{80,}={0,2}"),
    SecretRule("github token", "https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_[A-Za-z0-9]{36}"),
    SecretRule("github fine-grained token", "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens", ("github_pat_",), r"\bgithub_pat_[A-Za-z0-9_]{22}"),
    SecretRule("gitlab token", _GITLAB, ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "glffct-", "gr1348941"), r"\b(?:gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.-]{20}|GR1348941[A-Za-z0-9_-]{20})"),
    SecretRule("slack token", "https://api.slack.com/concepts/token-types", ("xoxa-", "xoxb-", "xoxe", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xoxc-", "xoxd-", "xapp-"), r"(?i)\b(?:xox[a-eoprs](?:\.xox[bp])?-(?:\d+-)*[a-z0-9-]{10}|xapp-\d-[a-z0-9]+-\d+-[a-z0-9]{20})"),
    SecretRule("slack webhook", "https://api.slack.com/messaging/webhooks", ("hooks.slack.com/",), r"(?i)hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/_-]{20}"),
    SecretRule("stripe key", "https://docs.stripe.com/keys", ("sk_live_", "sk_test_", "rk_live_", "rk_test_"), r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16}"),
    SecretRule("stripe webhook secret", "https://docs.stripe.com/webhooks", ("whsec_",), r"\bwhsec_[A-Za-z0-9+/]{24}"),
    SecretRule("google api key", "https://cloud.google.com/docs/authentication/api-keys", ("aiza",), r"\bAIza[A-Za-z0-9_-]{35}"),
    SecretRule("google oauth secret", "https://developers.google.com/identity/protocols/oauth2", ("gocspx-", "ya29."), r"\b(?:GOCSPX-[A-Za-z0-9_-]{24}|ya29\.[A-Za-z0-9_-]{20})"),
    SecretRule("google service account", "https://cloud.google.com/iam/docs/keys-create-delete", ("private_key_id",), r"private_key_id\\?\"\s*:\s*\\?\"[a-f0-9]{40}"),
    SecretRule("azure storage key", "https://learn.microsoft.com/azure/storage/common/storage-account-keys-manage", ("accountkey=", "sharedaccesskey="), r"(?i)(?:AccountKey=[A-Za-z0-9+/]{80,}={1,2}|SharedAccessKey=[A-Za-z0-9+/]{40,}=)"),
    SecretRule("azure client secret", "https://learn.microsoft.com/purview/sit-defn-azure-ad-client-secret", ("q~",), r"(?:^|[^A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"),
    SecretRule("azure shared access signature", "https://learn.microsoft.com/azure/storage/common/storage-sas-overview", ("sig=",), r"[?&]sig=[A-Za-z0-9%/+]{40,}(?:%3[dD]|=)"),
    SecretRule("azure devops token", "https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate", ("azdo",), r"\b[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b"),
    SecretRule("anthropic key", "https://docs.anthropic.com/en/api/overview", ("sk-ant-",), r"\bsk-ant-[a-z0-9]+-[A-Za-z0-9_-]{20}"),
    SecretRule("openrouter key", "https://openrouter.ai/docs/api-reference/authentication", ("sk-or-",), r"\bsk-or-v1-[a-f0-9]{32}"),
    SecretRule("openai key", "https://platform.openai.com/docs/api-reference/authentication", ("sk-proj-", "sk-svcacct-", "sk-admin-", "t3blbkfj", "sk-"), r"\bsk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20}|[A-Za-z0-9_-]*T3BlbkFJ|[A-Za-z0-9]{32})"),
    SecretRule("hugging face token", "https://huggingface.co/docs/hub/security-tokens", ("hf_", "api_org_"), r"\b(?:hf|api_org)_[A-Za-z]{2}[A-Za-z0-9]{28}"),
    SecretRule("turnout token", "Turnout's own client tokens (`turnout clients add`)", ("tn-",), r"\btn-[a-z0-9_-]{0,16}[A-Z][A-Za-z0-9_-]{15}"),
    SecretRule("groq key", "https://console.groq.com/docs/quickstart", ("gsk_",), r"\bgsk_[A-Za-z0-9]{40}"),
    SecretRule("xai key", "https://docs.x.ai/docs/tutorial", ("xai-",), r"\bxai-[A-Za-z0-9]{60}"),
    SecretRule("perplexity key", "https://docs.perplexity.ai/getting-started", ("pplx-",), r"\bpplx-[A-Za-z0-9]{40}"),
    SecretRule("replicate token", "https://replicate.com/docs/reference/http", ("r8_",), r"\br8_[A-Za-z0-9]{37}"),
    SecretRule("nvidia key", "https://docs.api.nvidia.com/nim/", ("nvapi-",), r"\bnvapi-[A-Za-z0-9_-]{60}"),
    SecretRule("langsmith key", "https://docs.smith.langchain.com/administration/concepts", ("lsv2_",), r"\blsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),
    SecretRule("npm token", "https://docs.npmjs.com/about-access-tokens", ("npm_",), r"\bnpm_[A-Za-z0-9]{36}"),
    SecretRule("npm registry password", "https://docs.npmjs.com/cli/configuring-npm/npmrc", ("_authtoken", "_auth", "_password"), r"(?:^|\n)\s*//[^\s]{1,200}/:_(?:authToken|auth|password)\s*=\s*[\"']?[A-Za-z0-9+/=_.-]{8}"),
    SecretRule("pypi token", "https://pypi.org/help/#apitoken", ("pypi-age",), r"\bpypi-AgE[A-Za-z0-9_-]{50}"),
    SecretRule("rubygems key", "https://guides.rubygems.org/api-key-scopes/", ("rubygems_",), r"\brubygems_[a-f0-9]{48}"),
    SecretRule("crates.io token", "https://doc.rust-lang.org/cargo/reference/registry-authentication.html", ("cio",), r"\bcio[A-Za-z0-9]{32}\b"),
    SecretRule("clojars token", "https://github.com/clojars/clojars-web/wiki/Deploy-Tokens", ("clojars_",), r"(?i)\bCLOJARS_[a-z0-9]{60}"),
    SecretRule("docker hub token", "https://docs.docker.com/security/access-tokens/", ("dckr_",), r"\bdckr_[op]at_[A-Za-z0-9_-]{20}"),
    SecretRule("docker registry password", "https://docs.docker.com/reference/cli/docker/login/", ("\"auth\"", "auth\\\""), r"\\?\"auth\\?\"\s*:\s*\\?\"[A-Za-z0-9+/]{16,}={0,2}\\?\""),
    SecretRule("sendgrid key", "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys", ("sg.",), r"\bSG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{39,50}"),
    SecretRule("twilio key", "https://www.twilio.com/docs/iam/api-keys", ("sk", "ac"), r"\b(?:SK|AC)[a-f0-9]{32}\b"),
    SecretRule("mailgun key", "https://documentation.mailgun.com/docs/mailgun/api-reference/mg-auth", ("key-",), r"\bkey-[a-f0-9]{32}\b"),
    SecretRule("mailchimp key", "https://mailchimp.com/developer/marketing/docs/fundamentals/", ("-us",), r"\b[a-f0-9]{32}-us[0-9]{1,2}\b"),
    SecretRule("brevo key", "https://developers.brevo.com/docs/getting-started", ("xkeysib-", "xsmtpsib-"), r"\bx(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    SecretRule("resend key", "https://resend.com/docs/api-reference/introduction", ("re_",), r"\bre_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}"),
    SecretRule("square token", "https://developer.squareup.com/docs/build-basics/access-tokens", ("sq0", "eaaa"), r"\b(?:sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22}|EAAA[A-Za-z0-9_-]{60})"),
    SecretRule("shopify token", "https://shopify.dev/docs/apps/build/authentication-authorization", ("shpat_", "shpca_", "shppa_", "shpss_"), r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    SecretRule("paypal braintree token", "https://developer.paypal.com/braintree/docs/guides/authorization/overview", ("access_token$",), r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}"),
    SecretRule("digitalocean token", "https://docs.digitalocean.com/reference/api/create-personal-access-token/", ("dop_v1_", "doo_v1_", "dor_v1_"), r"\bdo[opr]_v1_[a-f0-9]{64}"),
    SecretRule("heroku key", "https://devcenter.heroku.com/articles/authentication", ("heroku", "hrku-"), r"(?i)(?:\bHRKU-[A-Za-z0-9_-]{30}|heroku[\w .\"'-]{0,30}[:=\s>]{1,5}[\"']?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"),
    SecretRule("cloudflare token", "https://developers.cloudflare.com/fundamentals/api/get-started/create-token/", ("cloudflare", "cf_api", "v1.0-"), r"(?i)(?:(?:cloudflare|cf_api)[\w .\"'-]{0,30}[:=]{1,2}\s{0,3}[\"']?([a-z0-9_-]{37,40})(?:[^a-z0-9_-]|$)|\b(v1\.0-[a-f0-9]{24}-[a-f0-9]{140}))", weighed=True),
    SecretRule("databricks token", "https://docs.databricks.com/dev-tools/auth/pat.html", ("dapi",), r"\bdapi[a-f0-9]{32}"),
    SecretRule("datadog key", "https://docs.datadoghq.com/account_management/api-app-keys/", ("datadog", "dd_api", "dd_app", "dd-api", "dd-app"), r"(?i)(?:datadog|dd[_-](?:api|app))[\w .\"'-]{0,30}[:=]{1,2}\s{0,3}[\"']?([a-f0-9]{32}(?:[a-f0-9]{8})?)(?:[^a-f0-9]|$)", weighed=True),
    SecretRule("new relic key", "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/", ("nrak-", "nrii-", "nrra-", "nrjs-", "ffffnral"), r"(?i)\b(?:NRAK-[A-Z0-9]{27}|NR(?:II|RA|JS)-[A-Za-z0-9_-]{19}|[a-f0-9]{36}FFFFNRAL)"),
    SecretRule("telegram bot token", "https://core.telegram.org/bots/api#authorizing-your-bot", (":aa",), r"(?:^|[^0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    SecretRule("discord token", "https://discord.com/developers/docs/reference#authentication", (), r"\b[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}"),
    SecretRule("discord webhook", "https://discord.com/developers/docs/resources/webhook", ("/api/webhooks/",), r"(?i)discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60}"),
    SecretRule("teams webhook", "https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook", ("webhook.office.com",), r"(?i)webhook\.office\.com/webhookb2/[a-z0-9@-]{36,}/IncomingWebhook/[a-z0-9]{32}"),
    SecretRule("atlassian token", "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/", ("atatt3", "atctt3", "atbb"), r"\b(?:AT[AC]TT3[A-Za-z0-9_=-]{50}|ATBB[A-Za-z0-9]{32})"),
    SecretRule("linear key", "https://linear.app/developers/graphql", ("lin_api_", "lin_oauth_"), r"\blin_(?:api|oauth)_[A-Za-z0-9]{32}"),
    SecretRule("notion token", "https://developers.notion.com/docs/authorization", ("secret_", "ntn_"), r"\b(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40})"),
    SecretRule("airtable token", "https://airtable.com/developers/web/guides/personal-access-tokens", ("pat",), r"\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    SecretRule("asana token", "https://developers.asana.com/docs/personal-access-token", (), r"\b[12]/[0-9]{10,}(?:/[0-9]{10,})?:[a-f0-9]{32}"),
    SecretRule("figma token", "https://www.figma.com/developers/api#access-tokens", ("figd_", "figo_", "figu_"), r"\bfig[dou]_[A-Za-z0-9_-]{40}"),
    SecretRule("dropbox token", "https://www.dropbox.com/developers/reference/auth-types", ("sl.",), r"\bsl\.(?:u\.)?[A-Za-z0-9_-]{120}"),
    SecretRule("facebook token", "https://developers.facebook.com/docs/facebook-login/guides/access-tokens", ("eaa",), r"\bEAA[A-Za-z0-9]{80}"),
    SecretRule("doppler token", "https://docs.doppler.com/docs/service-tokens", ("dp.",), r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{1,40}\.)?[A-Za-z0-9]{40}"),
    SecretRule("vault token", "https://developer.hashicorp.com/vault/docs/concepts/tokens", ("hvs.", "hvb.", "hvr.", "vault"), r"(?:\bhv[sbr]\.[A-Za-z0-9_-]{24}|(?i:vault[_-]?token)[\"']?\s{0,3}[:=]\s{0,3}[\"']?s\.[A-Za-z0-9]{24})"),
    SecretRule("terraform cloud token", "https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens", (".atlasv1.",), r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60}"),
    SecretRule("pulumi token", "https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/", ("pul-",), r"\bpul-[a-f0-9]{40}"),
    SecretRule("1password token", "https://developer.1password.com/docs/service-accounts/", ("ops_eyj",), r"\bops_eyJ[A-Za-z0-9+/_=-]{100}"),
    SecretRule("planetscale token", "https://planetscale.com/docs/concepts/service-tokens", ("pscale_",), r"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32}"),
    SecretRule("supabase key", "https://supabase.com/docs/guides/api/api-keys", ("sbp_", "sb_secret_"), r"\b(?:sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20})"),
    SecretRule("netlify token", "https://docs.netlify.com/api/get-started/", ("nfp_",), r"\bnf[pcu]_[A-Za-z0-9]{36}"),
    SecretRule("fly.io token", "https://fly.io/docs/security/tokens/", ("fo1_", "fm1", "fm2"), r"\b(?:fo1_[A-Za-z0-9_-]{43}|fm[12][ar]?_[A-Za-z0-9+/=]{100})"),
    SecretRule("tailscale key", "https://tailscale.com/kb/1085/auth-keys", ("tskey-",), r"\btskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9-]{20}"),
    SecretRule("mapbox secret token", "https://docs.mapbox.com/help/dive-deeper/access-tokens/", ("sk.eyj",), r"\bsk\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20}"),
    SecretRule("postman key", "https://learning.postman.com/docs/developer/postman-api/authentication/", ("pmak-",), r"\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    SecretRule("grafana token", "https://grafana.com/docs/grafana/latest/administration/service-accounts/", ("glsa_", "glc_"), r"\b(?:glsa_[A-Za-z0-9]{32}_[a-fA-F0-9]{8}|glc_[A-Za-z0-9+/]{32})"),
    SecretRule("sentry token", "https://docs.sentry.io/account/auth-tokens/", ("sntrys_", "sntryu_"), r"\b(?:sntrys_eyJ[A-Za-z0-9+/=_-]{40}|sntryu_[a-f0-9]{64})"),
    SecretRule("contentful token", "https://www.contentful.com/developers/docs/references/authentication/", ("cfpat-",), r"\bCFPAT-[A-Za-z0-9_-]{43}"),
    SecretRule("alibaba access key", "https://www.alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair", ("ltai",), r"\bLTAI[A-Za-z0-9]{12,20}\b"),
    SecretRule("tencent secret id", "https://www.tencentcloud.com/document/product/598/32675", ("akid",), r"\bAKID[A-Za-z0-9]{32}\b"),
    SecretRule("okta token", "https://developer.okta.com/docs/guides/create-an-api-token/main/", ("ssws", "okta"), r"(?i)(?:ssws\s+|okta[\w .\"'-]{0,30}[:=]{1,2}\s{0,3}[\"']?)00[A-Za-z0-9_-]{40}"),
    SecretRule("artifactory token", "https://jfrog.com/help/r/jfrog-platform-administration-documentation/access-tokens", ("akc", "cmvmdgtu", "artifactory"), r"(?:\bAKC[A-Za-z0-9]{10,}|\bcmVmdGtu[A-Za-z0-9]{40,}|(?i:artifactory)[\w .\"'-]{0,30}[:=]{1,2}\s{0,3}[\"']?AP[0-9A-F][A-Za-z0-9]{8,})"),
    SecretRule("cloudant password", _DETECT, ("cloudant",), r"(?i)cloudant[\w .\"'-]{0,40}[:=]{1,2}>?\s{0,3}[\"']?(?:[a-f0-9]{64}|[a-z]{24})(?:[^a-z0-9]|$)"),
    SecretRule("ibm cloud key", _DETECT, ("ibm", "bluemix", "softlayer", "iam"), r"(?i)(?:ibm|bluemix|iam)[\w .\"'-]{0,40}[:=]{1,2}>?\s{0,3}[\"']?([a-z0-9_-]{44})(?:[^a-z0-9_-]|$)", weighed=True),
    SecretRule("ibm storage secret", _DETECT, ("hmac", "cos", "secret"), r"(?i)(?:cos|hmac|secret[_-]?(?:access)?[_-]?key)[\w .\"'-]{0,40}[:=]{1,2}>?\s{0,3}[\"']?([a-f0-9]{48})(?:[^a-f0-9]|$)", weighed=True),
    SecretRule("softlayer key", _DETECT, ("softlayer", "sl_", "sl-"), r"(?i)(?:softlayer|sl)[\w .\"'-]{0,40}[:=]{1,2}>?\s{0,3}[\"']?([a-z0-9]{64})(?:[^a-z0-9]|$)", weighed=True),
    SecretRule("age key", "https://age-encryption.org/v1", ("age-secret-key-1",), r"(?i)\bAGE-SECRET-KEY-1[A-Z0-9]{58}"),
    SecretRule("private key", "https://www.rfc-editor.org/rfc/rfc7468", ("-----begin", "putty-user-key-file", "begin pgp private"), r"(?:-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-[0-9]:)", tail=r"(?s:.*?)(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\z)"),
    SecretRule("json web token", "https://www.rfc-editor.org/rfc/rfc7519", ("eyj",), r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{10}"),
    SecretRule("password in a url", "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1", ("://",), r"\b[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s:/@\"'<>`]{0,100}:([^\s/@\"'<>`{}$*]{3,200})@[A-Za-z0-9\[]", weighed=True),
    SecretRule("database connection string", "https://learn.microsoft.com/dotnet/framework/data/adonet/connection-string-syntax", ("pwd=", "password="), r"(?i)(?:server|data source|host|hostname|user id|uid|user|database|initial catalog|dbname)\s?=[^;\n]{1,120};(?:[^;\n]{1,120};){0,8}\s?(?:password|pwd)\s?=\s?([^;\"'\s]{3,200})", weighed=True),
    SecretRule("database connection string", "https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING", ("password=",), r"(?i)\b(?:host|user|dbname|port)=[^\s=]{1,100}\s[^\n]{0,200}?\bpassword=([^\s\"']{3,200})", weighed=True),
    SecretRule("kubeconfig key", "https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/", ("client-key-data",), r"client-key-data\"?:\s*\"?[A-Za-z0-9+/=]{60}"),
    SecretRule("netrc password", "https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html", ("machine ",), r"\bmachine\s+\S{1,100}\s+login\s+\S{1,100}\s+password\s+(\S{3,200})", weighed=True),
    SecretRule("authorization header", "https://www.rfc-editor.org/rfc/rfc6750", ("authorization",), r"(?i)authorization\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?(?:bearer|basic|token|apikey)\s+([A-Za-z0-9_.~+/=-]{16,})", weighed=True),
)  # fmt: skip

ASSIGNMENT = SecretRule(
    "password or key in an assignment",
    "named detector of Yelp detect-secrets (KeywordDetector); own weighing",
    (
        "passw",
        "pwd",
        "passphrase",
        "secret",
        "api_key",
        "apikey",
        "api-key",
        "access_key",
        "accesskey",
        "access-key",
        "auth_key",
        "private_key",
        "token",
        "credential",
    ),
    r"(?i)([a-z0-9_.-]{0,40}(?:passw(?:or)?d|pwd|passphrase|secret|(?:api|access|auth|private|encryption|signing|service)[_-]?key"
    r"|token|credentials?)[a-z0-9_-]{0,20})\\?[\"']?\]?(\s{0,3}(?::=|=>|[:=])\s{0,3}\\?)"
    r"([\"'`]?[^\s\"'`,;(){}<>\[\]\\]+)",
    weighed=True,
)
"""The last resort: a name that says secret and a value that looks random. Read only when no format matched.

Groups: the name, what stands between, the value with its opening quote.
"""
