namespace Nixl.Sdk.Metadata;

/// <summary>Connecting by name.</summary>
public static class MetadataExchangeExtensions
{
    /// <summary>Gets a peer's metadata from an exchange, waiting until the peer offers it, and connects to it.</summary>
    /// <param name="agent">The agent that connects.</param>
    /// <param name="exchange">Where the peer publishes its metadata.</param>
    /// <param name="peer">The peer's name.</param>
    /// <param name="timeout">Longest wait for both together; must be positive.</param>
    /// <param name="cancellationToken">Gives up earlier.</param>
    /// <exception cref="MetadataExchangeException">The metadata could not be had.</exception>
    /// <exception cref="MetadataException">The metadata cannot be used, or it is not that peer's.</exception>
    /// <exception cref="NixlException">The connection failed; see <see cref="NixlAgent.ConnectAsync"/>.</exception>
    public static async ValueTask<RemoteAgent> ConnectAsync(
        this NixlAgent agent, IMetadataExchange exchange, string peer, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(agent);
        ArgumentNullException.ThrowIfNull(exchange);
        ExchangeChecks.Name(peer);
        ExchangeChecks.Timeout(timeout);
        var time = agent.Runtime.Options.TimeProvider;
        var start = time.GetTimestamp();
        var metadata = await exchange.FetchAsync(peer, timeout, cancellationToken).ConfigureAwait(false);
        return await ConnectNamedAsync(agent, metadata, peer, timeout - time.GetElapsedTime(start), timeout, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Connects to the agent of that name and no other.</summary>
    /// <param name="agent">The agent that connects.</param>
    /// <param name="metadata">The peer's metadata; untrusted.</param>
    /// <param name="peer">The name that was asked for.</param>
    /// <param name="left">What is left of the time; may be nothing.</param>
    /// <param name="timeout">All of it, for messages.</param>
    /// <param name="cancellationToken">Gives up earlier.</param>
    internal static async ValueTask<RemoteAgent> ConnectNamedAsync(
        NixlAgent agent, byte[] metadata, string peer, TimeSpan left, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var named = MetadataCodec.Decode(metadata, agent.Runtime.MetadataOptions, agent.Name).Agent;
        if (named != peer)
            throw new MetadataException("agent", MetadataFormat.HeaderBytes, $"it belongs to agent '{named}' and '{peer}' was asked for", peer);
        if (left <= TimeSpan.Zero)
            throw new MetadataExchangeException(NixlStatus.Timeout, $"The metadata of agent '{peer}' took all of {timeout}; nothing is left to connect.", peer);
        return await agent.ConnectAsync(metadata, new ConnectOptions { Timeout = left }, cancellationToken).ConfigureAwait(false);
    }
}
