using System.Net;
using Microsoft.Extensions.Configuration;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Hosting;

/// <summary>
/// What operators write for vLLM's <c>--kv-transfer-config</c>, read strictly: <c>{"kv_connector":"NixlConnector","kv_role":"kv_both"}</c>. An
/// unknown key, a wrong value or a contradiction is refused, with all of them in one message.
/// </summary>
/// <remarks>Immutable, thread-safe.</remarks>
public sealed record KvTransferConfig
{
    /// <summary><c>kv_connector</c>: <c>NixlConnector</c> (consumers pull) or <c>NixlPushConnector</c> (producers push). The SDK's producers and
    /// consumers do both; the engine chooses.</summary>
    public required string Connector { get; init; }

    /// <summary><c>kv_role</c>.</summary>
    public required KvRole Role { get; init; }

    /// <summary><c>kv_connector_extra_config.backends</c> as transports; null if it is left out: all.</summary>
    public NixlTransports? Transports { get; init; }

    /// <summary><c>kv_connector_extra_config.kv_lease_duration</c>: how long a lease lives without a heartbeat. As in vLLM a heartbeat is due every
    /// sixth of it and makes it at least two thirds from then. Null for the defaults (30 s, 5 s, 20 s).</summary>
    public TimeSpan? LeaseDuration { get; init; }

    /// <summary><c>kv_connector_extra_config.checksums</c>, a key of the SDK's own: whether what is handed over is compared with checksums
    /// (<see cref="KvConnectorOptions.Checksums"/>). Null for the agent's own setting.</summary>
    public bool? Checksums { get; init; }

    /// <summary><c>kv_load_failure_policy</c>: <c>fail</c> (default) or <c>recompute</c>; for <see cref="KvRequest.Policy"/>.</summary>
    public ArrivalPolicy FailurePolicy { get; init; }

    /// <summary><c>kv_ip</c>: where the agent's control listener binds; null for the agent's own setting.</summary>
    public IPAddress? Address { get; init; }

    /// <summary><c>kv_port</c>: the control listener's port of tensor-parallel rank 0; each further rank has the next. Null for the agent's own
    /// setting.</summary>
    public int? Port { get; init; }

    /// <summary><c>engine_id</c>; the SDK tells engines apart by agents' names and incarnations.</summary>
    public string? EngineId { get; init; }

    /// <summary>Keys that vLLM knows and that mean nothing here; they were given a value that could be read.</summary>
    public IReadOnlyList<string> WithoutEffect { get; init; } = [];

    /// <summary>Reads a JSON object.</summary>
    /// <param name="json">The text, as after <c>--kv-transfer-config</c>.</param>
    /// <exception cref="KvTransferConfigException">It cannot be used; lists everything.</exception>
    public static KvTransferConfig Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return KvTransferReader.Read(SettingNode.Parse(json, "", "."));
    }

    /// <summary>Reads a section of appsettings or environment variables, with the same keys; or one whose value is the JSON object. Keys are
    /// compared without regard to case, as everywhere in configuration.</summary>
    /// <param name="section">The section, for example <c>configuration.GetSection("KvTransfer")</c>.</param>
    /// <exception cref="KvTransferConfigException">It cannot be used; lists everything.</exception>
    public static KvTransferConfig Read(IConfigurationSection section)
    {
        ArgumentNullException.ThrowIfNull(section);
        return KvTransferReader.Read(SettingNode.Of(section));
    }
}
