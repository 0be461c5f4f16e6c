namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// The driver's end of one engine: a child process, or a host in this process. Disposing it stops the engine, at the latest by
/// force. A child reads its stdin and ends with it, so it does not outlive the driver either, however that ends.
/// </summary>
internal abstract class EngineLink : IAsyncDisposable
{
    private protected static readonly TimeSpan Grace = TimeSpan.FromSeconds(8);

    private protected EngineLink(EngineOptions options, EngineChannel channel) => (Options, Channel) = (options, channel);

    internal EngineOptions Options { get; }

    internal EngineChannel Channel { get; }

    /// <summary>Says how the engine ended, once it has.</summary>
    internal abstract string DescribeEnd();

    internal static EngineLink StartProcess(EngineOptions options, bool verbose) => new ChildEngine(options, verbose);

    internal static EngineLink StartHere(EngineOptions options, bool verbose) => new HostedEngine(options, verbose);

    public abstract ValueTask DisposeAsync();

    private protected async Task AskToStopAsync()
    {
        using var deadline = new CancellationTokenSource(Grace);
        try
        {
            await Channel.SendAsync(new StopMessage(), deadline.Token);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // It has ended already, or will be ended.
        }
    }
}
