using System.Net;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Hosting;

/// <summary>From vLLM's keys to what the SDK takes. Goes on after a problem, so that all are found.</summary>
internal static class KvTransferReader
{
    private static readonly string[] Backends = ["LIBFABRIC", "LOCAL", "LOOPBACK"];

    public static KvTransferConfig Read(SettingNode node)
    {
        var problems = new List<string>();
        var settings = new SettingReader(node, problems);
        if (problems.Count > 0) throw new KvTransferConfigException([.. problems.Distinct()]);
        var withoutEffect = new List<string>();

        var connector = settings.Choice("kv_connector", "NixlConnector", "NixlPushConnector");
        var role = Role(settings.Choice("kv_role", "kv_producer", "kv_consumer", "kv_both"));
        Require(settings, "kv_connector", "NixlConnector or NixlPushConnector");
        Require(settings, "kv_role", "kv_producer, kv_consumer or kv_both");
        Device(settings);
        var policy = settings.Choice("kv_load_failure_policy", "fail", "recompute") == "recompute" ? ArrivalPolicy.Recompute : ArrivalPolicy.FailClosed;
        var address = Address(settings);
        var port = settings.Number("kv_port", 1, IPEndPoint.MaxPort, whole: true);
        var engine = settings.Text("engine_id");
        if (engine is not null && !NixlAgentOptions.IsValidName(engine)) settings.Problem(settings.PathOf("engine_id"), $"'{engine}' does not match {NixlAgentOptions.NamePattern}");
        Ranks(settings, withoutEffect);
        Ignored(settings, withoutEffect);

        var (transports, lease, checksums) = Extra(settings, problems, withoutEffect);
        settings.RefuseTheRest();
        if (problems.Count > 0) throw new KvTransferConfigException([.. problems.Distinct()]);
        return new KvTransferConfig
        {
            Connector = connector!, Role = role, Transports = transports, LeaseDuration = lease, Checksums = checksums, FailurePolicy = policy, Address = address,
            Port = (int?)port, EngineId = engine, WithoutEffect = withoutEffect,
        };
    }

    private static KvRole Role(string? role) => role switch
    {
        "kv_producer" => KvRole.Producer,
        "kv_consumer" => KvRole.Consumer,
        "kv_both" => KvRole.Both,
        _ => KvRole.None,
    };

    private static void Require(SettingReader settings, string key, string allowed)
    {
        if (settings.Find(key) is not { } node) settings.Problem(settings.PathOf(key), $"is missing; it is {allowed}");
        else if (node.Value is null && node.Children.Count == 0) settings.Problem(node.Path, $"has no value; it is {allowed}");
    }

    // vLLM's own default is cuda; whoever leaves it out gets what there is.
    private static void Device(SettingReader settings)
    {
        if (settings.Text("kv_buffer_device") is { } device && device != "cpu")
            settings.Problem(settings.PathOf("kv_buffer_device"), device is "cuda" or "xpu" ? $"'{device}' is not there yet: no transport of this version moves GPU memory. Allowed: cpu" : $"'{device}' is not one of: cpu");
    }

    private static IPAddress? Address(SettingReader settings)
    {
        if (settings.Text("kv_ip") is not { } text) return null;
        if (IPAddress.TryParse(text, out var address)) return address;
        settings.Problem(settings.PathOf("kv_ip"), $"'{text}' is not an IP address");
        return null;
    }

    private static void Ranks(SettingReader settings, List<string> withoutEffect)
    {
        var size = settings.Number("kv_parallel_size", 1, 1 << 20, whole: true);
        var rank = settings.Number("kv_rank", 0, 1 << 20, whole: true);
        if (size is not null) withoutEffect.Add("kv_parallel_size");
        if (rank is not null) withoutEffect.Add("kv_rank");
        if (rank >= (size ?? 1)) settings.Problem(settings.PathOf("kv_rank"), FormattableString.Invariant($"{rank} must be smaller than kv_parallel_size, which is {size ?? 1}"));
    }

    private static void Ignored(SettingReader settings, List<string> withoutEffect)
    {
        if (settings.Number("kv_buffer_size", 1, 1e18, whole: false) is not null) withoutEffect.Add("kv_buffer_size");
        if (settings.Text("engine_id") is not null) withoutEffect.Add("engine_id");
        if (settings.Text("kv_connector_module_path") is not null) settings.Problem(settings.PathOf("kv_connector_module_path"), "names a Python module; there are none here. Leave it out");
        if (settings.Text("enable_permute_local_kv") is not { } permute) return;
        if (bool.TryParse(permute, out var wanted) && !wanted) withoutEffect.Add("enable_permute_local_kv");
        else settings.Problem(settings.PathOf("enable_permute_local_kv"), $"'{permute}' is not false: other orders on the other side are mapped while blocks are moved. Leave it out");
    }

    private static (NixlTransports? Transports, TimeSpan? Lease, bool? Checksums) Extra(SettingReader settings, List<string> problems, List<string> withoutEffect)
    {
        if (settings.Find("kv_connector_extra_config") is not { } node || node is { Value: null, Children.Count: 0, IsList: false }) return (null, null, null);
        var extra = new SettingReader(node, problems);
        var seconds = extra.Number("kv_lease_duration", 1, TimeSpan.FromDays(1).TotalSeconds, whole: false);
        var transports = Transports(extra);
        var checksums = extra.Flag("checksums");
        if (extra.Number("num_threads", 1, 1024, whole: true) is not null) withoutEffect.Add("kv_connector_extra_config.num_threads");
        extra.RefuseTheRest();
        return (transports, seconds is { } lease ? TimeSpan.FromSeconds(lease) : null, checksums);
    }

    private static NixlTransports? Transports(SettingReader extra)
    {
        if (extra.Find("backends") is not { } node || node is { Value: null, Children.Count: 0, IsList: false }) return null;
        // An environment variable has no lists.
        var names = node.Children.Count > 0 || node.IsList
            ? [.. node.Children.Select(static child => (child.Node.Path, Name: child.Node.Value ?? ""))]
            : node.Value!.Split(',', StringSplitOptions.TrimEntries).Select(name => (node.Path, Name: name)).ToArray();
        if (names.Length == 0) extra.Problem(node.Path, $"is empty; leave it out for all, or name some of: {string.Join(", ", Backends)}");
        var transports = NixlTransports.None;
        foreach (var (path, name) in names)
        {
            var transport = name switch
            {
                "LIBFABRIC" => NixlTransports.Fabric,
                "LOCAL" => NixlTransports.Local,
                "LOOPBACK" => NixlTransports.Loopback,
                _ => NixlTransports.None,
            };
            if (transport == NixlTransports.None) extra.Problem(path, Refusal(name));
            else if ((transports & transport) != 0) extra.Problem(path, $"'{name}' is named twice");
            transports |= transport;
        }
        return transports;
    }

    private static string Refusal(string name) =>
        $"'{name}' {(name == "UCX" ? "is not there yet: this version has no UCX transport" : "is no backend of the SDK")}. Allowed: {string.Join(", ", Backends)} " +
        "(LIBFABRIC between machines, LOCAL between processes of one machine, LOOPBACK within a process)";
}
