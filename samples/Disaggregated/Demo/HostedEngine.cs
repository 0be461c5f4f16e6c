namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>An engine as a second host in this process: for the loopback transport.</summary>
internal sealed class HostedEngine : EngineLink
{
    private readonly EngineChannel _engineEnd;
    private readonly Task _running;

    internal HostedEngine(EngineOptions options, bool verbose)
        : this(options, verbose, EngineChannel.Pair())
    {
    }

    private HostedEngine(EngineOptions options, bool verbose, (EngineChannel Driver, EngineChannel Engine) channels)
        : base(options, channels.Driver)
    {
        _engineEnd = channels.Engine;
        _running = Task.Run(() => RunAsync(options, verbose));
    }

    internal override string DescribeEnd() => _running.Exception is { } e
        ? $"{Options.Agent} ended: {e.InnerException!.Message}"
        : $"{Options.Agent} ended";

    public override async ValueTask DisposeAsync()
    {
        await AskToStopAsync();
        await Task.WhenAny(_running, Task.Delay(Grace));
        Channel.Dispose();
    }

    private async Task RunAsync(EngineOptions options, bool verbose)
    {
        try
        {
            using var model = ModelHandle.Load(options.Model);
            await ChannelEngine.RunAsync(options, model, _engineEnd, verbose);
        }
        finally
        {
            _engineEnd.Dispose();
        }
    }
}
