using System.ComponentModel.DataAnnotations;
using System.Net;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Hosting;

/// <summary>The direct metadata exchange of a host, as the section <c>NixlExchange</c> describes it.</summary>
/// <remarks>Not thread-safe while being filled; only read once the host has started.</remarks>
public sealed class NixlExchangeOptions
{
    /// <summary>Address and port to listen on, for example <c>127.0.0.1:7400</c>; empty to fetch only. [127.0.0.1, any free port]</summary>
    public string Listen { get; set; } = "127.0.0.1:0";

    /// <summary>Pre-shared key in base64, at least 16 bytes. [none]</summary>
    public string? Key { get; set; }

    /// <summary>A file with the key's bytes, instead of <see cref="Key"/>. [none]</summary>
    public string? KeyFile { get; set; }

    /// <summary>Where the peers' exchanges listen: agent name to <c>host:port</c>.</summary>
    public Dictionary<string, string> Peers { get; } = new(StringComparer.Ordinal);

    /// <summary>Allows a listener beyond loopback without a key. For closed networks only.</summary>
    public bool AllowUnauthenticated { get; set; }

    /// <summary>Connections served at once. [64]</summary>
    [Range(1, 65536)]
    public int MaxConnections { get; set; } = 64;

    /// <summary>How long one connection may take. [5 s]</summary>
    public TimeSpan ConnectionTimeout { get; set; } = TimeSpan.FromSeconds(5);

    internal static bool TryParseHost(string text, out string host, out int port)
    {
        var colon = text.LastIndexOf(':');
        host = colon > 0 ? text[..colon].Trim('[', ']') : "";
        port = 0;
        return host.Length > 0 && int.TryParse(text.AsSpan(colon + 1), out port) && port is >= 1 and <= IPEndPoint.MaxPort;
    }

    internal DirectMetadataExchangeOptions ToExchangeOptions(ReadOnlyMemory<byte> key) => new()
    {
        Listen = string.IsNullOrEmpty(Listen) ? null : IPEndPoint.Parse(Listen),
        Key = key,
        AllowUnauthenticated = AllowUnauthenticated,
        MaxConnections = MaxConnections,
        ConnectionTimeout = ConnectionTimeout,
    };
}
