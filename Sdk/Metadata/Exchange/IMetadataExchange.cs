namespace Nixl.Sdk.Metadata;

/// <summary>
/// How agents come by each other's metadata. It is used at start and after a restart, never on the path of a transfer.
/// </summary>
/// <remarks>Implementations are thread-safe.</remarks>
public interface IMetadataExchange : IAsyncDisposable
{
    /// <summary>Offers an agent's metadata to others, replacing what was offered under that name before.</summary>
    /// <param name="agent">The agent's name.</param>
    /// <param name="source">
    /// Gives the metadata, typically <c>agent.ExportMetadata</c>. It is called from any thread each time fresh metadata is
    /// handed out, so that its regions and its expiry are current.
    /// </param>
    /// <param name="cancellationToken">Gives up.</param>
    ValueTask PublishAsync(string agent, Func<byte[]> source, CancellationToken cancellationToken = default);

    /// <summary>Stops offering it. Nothing happens if it is not offered.</summary>
    ValueTask WithdrawAsync(string agent, CancellationToken cancellationToken = default);

    /// <summary>Gets a peer's metadata, waiting until the peer offers it.</summary>
    /// <param name="agent">The peer's name.</param>
    /// <param name="timeout">Longest wait; must be positive.</param>
    /// <param name="cancellationToken">Gives up earlier.</param>
    /// <returns>The bytes as the peer exported them; they are checked by <c>NixlAgent.ConnectAsync</c>, not here.</returns>
    /// <exception cref="MetadataExchangeException">It could not be had; the message says from where and why.</exception>
    ValueTask<byte[]> FetchAsync(string agent, TimeSpan timeout, CancellationToken cancellationToken = default);
}
