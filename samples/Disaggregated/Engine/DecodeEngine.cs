using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Nixl.Sdk.Samples.Model;

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
    private readonly Dictionary<string, DecodeAnswer> _reserved = new(StringComparer.Ordinal);

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
        if (happened is SubmitMessage submit) await SubmitAsync(submit);
        else await ArrivedAsync((Notification)happened, cancellation);
    }

    /// <summary>Tells which blocks take the prompts of the sequences that got theirs, and passes on the new tokens.</summary>
    protected override async ValueTask OnStepAsync(StepResult result, long started, CancellationToken cancellation)
    {
        foreach (var sequence in result.Admitted)
        {
            var (answer, promptTokens) = (_answers[sequence], sequence.Spec.Prompt.Count);
            _reserved.Add(answer.Request, answer);
            await Context.Channel.SendAsync(
                new ReservedMessage(answer.Request, promptTokens, sequence.Blocks[..Cache.BlocksFor(promptTokens)].ToArray()), cancellation);
        }
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

    private async Task SubmitAsync(SubmitMessage submit)
    {
        try
        {
            var prompt = Context.Model.Tokenizer.Encode(submit.Prompt);
            var sequence = Core.Add(new SequenceSpec(submit.Request, prompt, submit.MaxNewTokens) { RemotePrompt = true });
            _answers.Add(sequence, new DecodeAnswer(submit.Request, sequence, Context.Model.Tokenizer));
        }
        catch (ArgumentException e)
        {
            await TrySendAsync(new FailedMessage(submit.Request, e.Message));
        }
    }

    private async Task ArrivedAsync(Notification notification, CancellationToken cancellation)
    {
        var handover = Handover.Parse(notification.Payload.Span);
        if (!_reserved.Remove(handover.Request, out var answer))
            throw new InvalidDataException($"'{notification.Sender}' handed over '{handover.Request}', which is not reserved here.");
        var promptTokens = answer.Sequence.Spec.Prompt.Count;
        var expected = Cache.BlocksFor(promptTokens) * Context.Pool.BytesPerBlock();
        if (!notification.Info.WithTransfer || notification.Info.RequestBytes != expected || handover.PromptTokens != promptTokens)
            throw new InvalidDataException($"'{notification.Sender}' handed over {notification.Info.RequestBytes} bytes for {handover.PromptTokens} tokens of '{handover.Request}'; {expected} bytes for {promptTokens} were due.");
        // The block table is in place since the reservation: the prompt's positions now hold what was sent.
        Core.Arrived(answer.Sequence, handover.FirstToken);
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
