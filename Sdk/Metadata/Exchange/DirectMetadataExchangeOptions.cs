using System.Net;
using System.Net.Security;

namespace Nixl.Sdk.Metadata;

/// <summary>Options of <see cref="DirectMetadataExchange"/>. Do not change them once it exists.</summary>
/// <remarks>Not thread-safe while being filled.</remarks>
public sealed class DirectMetadataExchangeOptions
{
    /// <summary>
    /// Where to listen. Default: 127.0.0.1 on an ephemeral port (read it from <see cref="DirectMetadataExchange.Endpoint"/>).
    /// Another address than loopback needs <see cref="Key"/> or TLS with client certificates. Null: fetch only.
    /// </summary>
    public IPEndPoint? Listen { get; set; } = new(IPAddress.Loopback, 0);

    /// <summary>Pre-shared key, at least 16 bytes; empty for none. With it both ends prove that they have it.</summary>
    public ReadOnlyMemory<byte> Key { get; set; }

    /// <summary>TLS for the listener; null for none.</summary>
    public SslServerAuthenticationOptions? ServerTls { get; set; }

    /// <summary>TLS for fetching; null for none.</summary>
    public SslClientAuthenticationOptions? ClientTls { get; set; }

    /// <summary>Allows a listener beyond loopback without authentication. For closed networks only.</summary>
    public bool AllowUnauthenticated { get; set; }

    /// <summary>Largest metadata that is accepted. Default 4 MiB.</summary>
    public int MaxBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>Connections served at once; more wait in the kernel's queue. Default 64.</summary>
    public int MaxConnections { get; set; } = 64;

    /// <summary>How long one connection may take from accept to close, whatever the client does. Default 5 s.</summary>
    public TimeSpan ConnectionTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Pause before a peer that is not there yet is asked again. Default 50 ms.</summary>
    public TimeSpan RetryInterval { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>The clock for deadlines.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal void Validate()
    {
        if (!Key.IsEmpty && Key.Length < MetadataFormat.MinKeyBytes)
            throw new ArgumentException($"The exchange's key has {Key.Length} bytes; it needs at least {MetadataFormat.MinKeyBytes}.");
        if (MaxBytes < 1024) throw new ArgumentException($"MaxBytes is {MaxBytes}; it must be at least 1024.");
        if (MaxConnections < 1) throw new ArgumentException($"MaxConnections is {MaxConnections}; it must be at least 1.");
        ExchangeChecks.Timeout(ConnectionTimeout);
        ExchangeChecks.Timeout(RetryInterval);
        var authenticated = !Key.IsEmpty || ServerTls is { ClientCertificateRequired: true };
        if (Listen is not null && !IPAddress.IsLoopback(Listen.Address) && !authenticated && !AllowUnauthenticated)
            throw new ArgumentException(
                $"Listening on {Listen} would give this agent's memory keys to everyone who can connect. Set Key, or ServerTls with " +
                "ClientCertificateRequired, or AllowUnauthenticated if the network is closed.");
    }
}
