using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>An engine that has a model: agent, weights, and a <see cref="WeightServer"/> over them. Owns all three.</summary>
internal sealed class ServingEngine : IAsyncDisposable
{
    private readonly LlamaModel _model;
    private readonly WeightServer _server;

    private ServingEngine(NixlAgent agent, LlamaModel model, WeightServer server) => (Agent, _model, _server) = (agent, model, server);

    internal NixlAgent Agent { get; }

    internal int Tensors => _model.Tensors.Count;

    /// <summary>Bytes of weights.</summary>
    internal long Bytes => _model.Tensors.Sum(tensor => tensor.RowBytes * tensor.RowCount);

    internal static async Task<ServingEngine> StartAsync(
        string name, string folder, NixlTransports transport, TimeSpan timeout, Action<string> log, CancellationToken cancellation)
    {
        var model = LlamaModel.Load(folder);
        NixlAgent? agent = null;
        try
        {
            agent = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = name, Transports = transport, DefaultTimeout = timeout }, cancellation);
            var index = WeightServer.Describe(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))), model);
            return new ServingEngine(agent, model, new WeightServer(agent, index, model, timeout, log));
        }
        catch
        {
            if (agent is not null) await agent.DisposeAsync();
            model.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await Agent.DisposeAsync(); // waits for peers that are reading at this moment
        _model.Dispose();
    }
}
