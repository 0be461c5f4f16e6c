using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Continues answers from blocks that a prefill engine has written. Never computes a prompt. One task owns all sequences; what
/// happens elsewhere (a message, a notification) reaches it through one queue:
/// <code>
/// submit ──→ waiting ──blocks free──→ reserved ──notification──→ active ──end of text or length──→ finished
///            (no blocks)              (poisoned)                 (a token each round)               (blocks returned)
/// </code>
/// </summary>
internal sealed class DecodeEngine(EngineContext context, IHostApplicationLifetime lifetime, ILogger<DecodeEngine> logger)
    : EngineService(context, lifetime, logger)
{
    private readonly Channel<object> _events = Channel.CreateUnbounded<object>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Queue<DecodeSequence> _waiting = new();
    private readonly Dictionary<string, DecodeSequence> _reserved = new(StringComparer.Ordinal);
    private readonly List<DecodeSequence> _active = [];

    // A decode engine is handed prompts; it has no code that computes one.
    protected override long PromptTokensComputed => 0;

    protected override async ValueTask HandleAsync(EngineMessage message, CancellationToken cancellation)
    {
        if (message is not SubmitMessage) throw new InvalidDataException($"A decode engine has no use for a {message.GetType().Name}.");
        await _events.Writer.WriteAsync(message, cancellation);
    }

    protected override async Task ComputeAsync(CancellationToken cancellation)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var arrivals = ForwardNotificationsAsync(ending.Token);
        try
        {
            while (true)
            {
                // With nothing to compute wait for an event; otherwise only take what is there.
                if (_active.Count == 0) await OnAsync(await _events.Reader.ReadAsync(cancellation), cancellation);
                while (_events.Reader.TryRead(out var next)) await OnAsync(next, cancellation);
                for (var i = _active.Count - 1; i >= 0; i--)
                {
                    if (!await StepAsync(_active[i], cancellation)) continue;
                    _active.RemoveAt(i);
                    await ReserveWaitingAsync(cancellation);
                }
            }
        }
        finally
        {
            await ending.CancelAsync();
            await arrivals;
        }
    }

    /// <summary>Every notification goes to the compute task; its blocks are complete by the time it is seen here.</summary>
    private async Task ForwardNotificationsAsync(CancellationToken cancellation)
    {
        try
        {
            await foreach (var notification in Context.Agent.ReadNotificationsAsync(cancellation))
                await _events.Writer.WriteAsync(notification, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The engine ends.
        }
        catch (NixlException e)
        {
            _events.Writer.TryComplete(e); // ends the compute task with it
        }
    }

    private async Task OnAsync(object happened, CancellationToken cancellation)
    {
        if (happened is SubmitMessage submit)
        {
            try
            {
                _waiting.Enqueue(DecodeSequence.Create(submit, Context.Model, Cache));
            }
            catch (ArgumentException e)
            {
                await TrySendAsync(new FailedMessage(submit.Request, e.Message));
            }
            await ReserveWaitingAsync(cancellation);
        }
        else
        {
            await ArrivedAsync((Notification)happened, cancellation);
        }
    }

    /// <summary>First come, first served: reserves blocks for the whole answer and tells which of them take the prompt.</summary>
    private async Task ReserveWaitingAsync(CancellationToken cancellation)
    {
        while (_waiting.TryPeek(out var sequence) && Blocks.TryTake(sequence.BlocksNeeded, out var blocks))
        {
            _waiting.Dequeue();
            foreach (var block in blocks) Cache.Poison(block);
            sequence.Blocks = blocks;
            _reserved.Add(sequence.Request, sequence);
            await Context.Channel.SendAsync(
                new ReservedMessage(sequence.Request, sequence.PromptTokens, blocks[..Cache.BlocksFor(sequence.PromptTokens)]), cancellation);
        }
    }

    private async Task ArrivedAsync(Notification notification, CancellationToken cancellation)
    {
        var handover = Handover.Parse(notification.Payload.Span);
        if (!_reserved.Remove(handover.Request, out var sequence))
            throw new InvalidDataException($"'{notification.Sender}' handed over '{handover.Request}', which is not reserved here.");
        var expected = Cache.BlocksFor(sequence.PromptTokens) * Context.Pool.BytesPerBlock();
        if (!notification.Info.WithTransfer || notification.Info.RequestBytes != expected || handover.PromptTokens != sequence.PromptTokens)
            throw new InvalidDataException($"'{notification.Sender}' handed over {notification.Info.RequestBytes} bytes for {handover.PromptTokens} tokens of '{handover.Request}'; {expected} bytes for {sequence.PromptTokens} were due.");
        // The page table is in place since the reservation: the prompt's positions now hold what was sent.
        if (!await AppendAsync(sequence, handover.FirstToken, cancellation)) _active.Add(sequence);
        else await ReserveWaitingAsync(cancellation);
    }

    /// <summary>Computes one token. True if the sequence has ended.</summary>
    private async Task<bool> StepAsync(DecodeSequence sequence, CancellationToken cancellation) =>
        await AppendAsync(sequence, Next(sequence), cancellation);

    private int Next(DecodeSequence sequence) =>
        Greedy.Choose(Runner.Forward([sequence.Tokens[^1]], sequence.PromptTokens + sequence.Tokens.Count - 1, sequence.Blocks));

    private async Task<bool> AppendAsync(DecodeSequence sequence, int token, CancellationToken cancellation)
    {
        await Context.Channel.SendAsync(new TokenMessage(sequence.Request, token, sequence.Append(token)), cancellation);
        if (sequence.EndReason is not { } reason) return false;
        Blocks.Return(sequence.Blocks);
        await Context.Channel.SendAsync(new FinishedMessage(sequence.Request, [.. sequence.Tokens], sequence.Finish(), reason), cancellation);
        return true;
    }
}
