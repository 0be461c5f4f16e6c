using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Continues answers from blocks that a prefill engine has written. Never computes a prompt. One task owns all sequences; what
/// happens elsewhere (a message, a notification) reaches it through one queue:
/// <code>
/// submit ──→ waiting ──blocks free──→ reserved ──notification──→ running ──end of text or length──→ finished
///            (no blocks)              (poisoned)                 (a token each step)                (blocks returned)
/// </code>
/// </summary>
internal sealed class DecodeEngine(EngineContext context, IHostApplicationLifetime lifetime, ILogger<DecodeEngine> logger)
    : EngineService(context, lifetime, logger)
{
    private readonly Dictionary<Sequence, DecodeAnswer> _answers = [];
    private readonly Dictionary<string, (SequenceSpec Spec, BlockLease Lease)> _reserved = new(StringComparer.Ordinal);

    // A decode engine is handed prompts; it has no code that computes one.
    protected override long PromptTokensComputed => 0;

    protected override async ValueTask HandleAsync(EngineMessage message, CancellationToken cancellation)
    {
        if (message is not SubmitMessage) throw new InvalidDataException($"A decode engine has no use for a {message.GetType().Name}.");
        await Events.Writer.WriteAsync(message, cancellation);
    }

    protected override async Task ComputeAsync(CancellationToken cancellation)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var arrivals = ForwardNotificationsAsync(ending.Token);
        try
        {
            await RunStepsAsync(cancellation);
        }
        finally
        {
            await ending.CancelAsync();
            await arrivals;
        }
    }

    protected override async ValueTask OnEventAsync(object happened, CancellationToken cancellation)
    {
        if (happened is SubmitMessage submit) await SubmitAsync(submit, cancellation);
        else if (happened is ValueTuple<SequenceSpec, BlockLease> reserved) await ReservedAsync(reserved.Item1, reserved.Item2, cancellation);
        else await ArrivedAsync((Notification)happened, cancellation);
    }

    protected override async ValueTask OnStepAsync(StepResult result, long started, CancellationToken cancellation)
    {
        foreach (var (sequence, token) in result.Outputs) await TokenAsync(_answers[sequence], token, cancellation);
        foreach (var sequence in result.Failed)
        {
            _answers.Remove(sequence);
            await Context.Channel.SendAsync(new FailedMessage(sequence.Spec.Id, NotNumbers), cancellation);
        }
    }

    /// <summary>Every notification goes to the compute task; its blocks are complete by the time it is seen here.</summary>
    private async Task ForwardNotificationsAsync(CancellationToken cancellation)
    {
        try
        {
            await foreach (var notification in Context.Agent.ReadNotificationsAsync(cancellation))
                await Events.Writer.WriteAsync(notification, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The engine ends.
        }
        catch (NixlException e)
        {
            Events.Writer.TryComplete(e); // ends the compute task with it
        }
    }

    private async Task SubmitAsync(SubmitMessage submit, CancellationToken cancellation)
    {
        try
        {
            var spec = new SequenceSpec(submit.Request, Context.Model.Tokenizer.Encode(submit.Prompt), submit.MaxNewTokens);
            Core.Check(spec);
            _ = ReserveAsync(spec, Blocks.ReserveAsync(Cache.BlocksFor(spec.MaxPositions), Context.Options.Timeout, cancellation));
        }
        catch (ArgumentException e)
        {
            await TrySendAsync(new FailedMessage(submit.Request, e.Message));
        }
    }

    private async Task ReserveAsync(SequenceSpec spec, ValueTask<BlockLease> waiting)
    {
        try
        {
            Events.Writer.TryWrite((spec, await waiting));
        }
        catch (BlocksExhaustedException e)
        {
            await TrySendAsync(new FailedMessage(spec.Id, e.Message));
        }
        catch (OperationCanceledException)
        {
            // The engine ends.
        }
    }

    /// <summary>Tells which blocks take the prompt.</summary>
    private async Task ReservedAsync(SequenceSpec spec, BlockLease lease, CancellationToken cancellation)
    {
        var blocks = lease.Blocks.ToArray();
        foreach (var block in blocks) Cache.Poison(block);
        _reserved.Add(spec.Id, (spec, lease));
        await Context.Channel.SendAsync(new ReservedMessage(spec.Id, spec.Prompt.Count, blocks[..Cache.BlocksFor(spec.Prompt.Count)]), cancellation);
    }

    private async Task ArrivedAsync(Notification notification, CancellationToken cancellation)
    {
        var handover = Handover.Parse(notification.Payload.Span);
        if (!_reserved.Remove(handover.Request, out var reserved))
            throw new InvalidDataException($"'{notification.Sender}' handed over '{handover.Request}', which is not reserved here.");
        var promptTokens = reserved.Spec.Prompt.Count;
        var expected = Cache.BlocksFor(promptTokens) * Context.Pool.BytesPerBlock();
        if (!notification.Info.WithTransfer || notification.Info.RequestBytes != expected || handover.PromptTokens != promptTokens)
            throw new InvalidDataException($"'{notification.Sender}' handed over {notification.Info.RequestBytes} bytes for {handover.PromptTokens} tokens of '{handover.Request}'; {expected} bytes for {promptTokens} were due.");
        reserved.Lease.MarkComputed(); // the notification's bytes were counted above; this demo does without the SDK's own proof of arrival
        var sequence = Core.Adopt(reserved.Spec, [reserved.Lease], handover.FirstToken);
        var answer = new DecodeAnswer(handover.Request, sequence, Context.Model.Tokenizer);
        _answers.Add(sequence, answer);
        await TokenAsync(answer, handover.FirstToken, cancellation);
    }

    private async Task TokenAsync(DecodeAnswer answer, int token, CancellationToken cancellation)
    {
        await Context.Channel.SendAsync(new TokenMessage(answer.Request, token, answer.Append(token)), cancellation);
        if (answer.Sequence.State != SequenceState.Finished) return;
        _answers.Remove(answer.Sequence);
        await Context.Channel.SendAsync(answer.Finish(), cancellation);
    }
}
