using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>
/// Lets new engines read the weights that an engine computes with: registers them where they lie, and answers who asks with the place of an
/// index. Reading them costs this engine nothing but memory bandwidth; it has no part in the transfers.
/// </summary>
/// <remarks>Owns the registrations and one task, which reads the agent's notifications. The model outlives it.</remarks>
internal sealed class WeightServer : IAsyncDisposable
{
    private readonly NixlAgent _agent;
    private readonly List<MemoryRegion> _regions = [];
    private readonly MemoryArena _index;
    private readonly WeightsOffer _offer;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _answering;
    private readonly Action<string> _log;
    private readonly TimeSpan _timeout;

    /// <summary>Registers the weights, takes their checksums and begins to answer.</summary>
    /// <param name="agent">The serving engine's agent; nobody else reads its notifications.</param>
    /// <param name="index">What to say about the model, as <see cref="Describe"/> makes it.</param>
    /// <param name="model">The model; whole.</param>
    /// <param name="timeout">Deadline of an answer.</param>
    /// <param name="log">Gets a line for each engine that has asked or is done.</param>
    internal WeightServer(NixlAgent agent, WeightIndex index, LlamaModel model, TimeSpan timeout, Action<string> log)
    {
        (_agent, _timeout, _log) = (agent, timeout, log);
        var bytes = index.ToBytes();
        _index = agent.CreateArena(bytes.Length, HugePages.Never);
        try
        {
            bytes.CopyTo(_index.Slice(0, bytes.Length));
            foreach (var tensor in model.Tensors) _regions.Add(agent.Register(tensor.Address, tensor.Span));
        }
        catch
        {
            GiveUp();
            throw;
        }
        _offer = new WeightsOffer((ulong)_index.Address, bytes.Length, WeightChecksum.Of(bytes));
        _answering = Task.Run(AnswerAsync);
    }

    /// <summary>Bytes of weights that engines say they have read.</summary>
    internal long BytesRead { get; private set; }

    /// <summary>The index of a model, with the checksums of what its memory holds now.</summary>
    internal static WeightIndex Describe(string name, LlamaModel model)
    {
        if (model.Ranks != 1) throw new NotSupportedException($"Only a whole model is served; this is the shard of rank {model.Rank} of {model.Ranks}.");
        var entries = new WeightEntry[model.Tensors.Count];
        Parallel.For(0, entries.Length, i =>
        {
            var tensor = model.Tensors[i];
            var parts = WeightChecksum.Parts(tensor.Cut, model.Config);
            entries[i] = new WeightEntry(
                tensor.Name, WeightIndex.ElementType, [tensor.Rows, tensor.Columns], tensor.Cut, (ulong)tensor.Address, tensor.RowStride,
                [.. Enumerable.Range(0, parts).Select(part => WeightChecksum.Of(tensor, part, parts))]);
        });
        return new WeightIndex(WeightIndex.CurrentVersion, name, model.Config, entries);
    }

    /// <summary>
    /// Ends the answering and gives up the registrations. A peer may be reading at this moment: the model is disposed after the agent, whose
    /// disposal waits for that.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _answering;
        GiveUp();
        _stopping.Dispose();
    }

    private void GiveUp()
    {
        foreach (var region in _regions) region.Dispose();
        _index.Dispose();
    }

    private async Task AnswerAsync()
    {
        try
        {
            await foreach (var notification in _agent.ReadNotificationsAsync(_stopping.Token))
                await AnswerAsync(notification);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The server ends.
        }
    }

    /// <summary>Whatever a peer sends, it ends nobody else's service.</summary>
    private async Task AnswerAsync(Notification notification)
    {
        try
        {
            switch (WeightsMessage.TryParse(notification.Payload.Span))
            {
                case WeightsRequest { Metadata: not null } request:
                    var asking = await _agent.ConnectAsync(request.Metadata, new ConnectOptions { Timeout = _timeout }, _stopping.Token);
                    // The metadata says to whom the answer goes; only the sender may ask for itself.
                    WeightsMessage answer = asking.Name == notification.Sender
                        ? _offer
                        : new WeightsRefusal($"the request came from '{notification.Sender}' with the metadata of '{asking.Name}'");
                    await _agent.NotifyAsync(asking, answer.ToBytes(), _timeout, _stopping.Token);
                    _log($"'{notification.Sender}' has asked for weights");
                    break;
                case WeightsDone done:
                    BytesRead += done.Bytes;
                    _log($"'{notification.Sender}' has read {done.Bytes} bytes{(done.Error is null ? "" : $" and gave up: {done.Error}")}");
                    break;
                default:
                    _log($"'{notification.Sender}' sent {notification.Payload.Length} bytes that are no request for weights");
                    break;
            }
        }
        catch (Exception e) when (e is NixlException or ArgumentException)
        {
            _log($"'{notification.Sender}' could not be answered: {e.Message}");
        }
    }
}
