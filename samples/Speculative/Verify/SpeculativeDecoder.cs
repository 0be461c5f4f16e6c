using System.Diagnostics;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>
/// Greedy decoding in rounds: somebody proposes candidates, the model computes all of them in one step and keeps those that it would have
/// chosen itself. Every token of the answer is the model's own choice, whatever was proposed.
/// </summary>
internal sealed class SpeculativeDecoder(TargetModel target, DraftLink draft)
{
    /// <summary>Called after each round with its number, from 1.</summary>
    internal Action<int>? OnRound { get; init; }

    /// <param name="prompt">At least one token.</param>
    /// <param name="maxNewTokens">Longest answer.</param>
    /// <param name="k">Candidates in a round, 1 to <see cref="TargetModel.MaxK"/>.</param>
    /// <param name="adaptive">Whether k changes with the acceptance: one more after a round that was right throughout, one less after one that was mostly wrong.</param>
    /// <param name="cancellation">Ends it.</param>
    internal async Task<Answer> GenerateAsync(int[] prompt, int maxNewTokens, int k, bool adaptive, CancellationToken cancellation)
    {
        var positions = prompt.Length + maxNewTokens - 1; // the last token is not computed
        var config = target.Model.Config;
        if (positions > config.MaxPositions) throw new ArgumentException($"{prompt.Length} prompt tokens and {maxNewTokens} new ones; the model was made for {config.MaxPositions} positions.", nameof(prompt));
        var (clock, answer) = (Stopwatch.StartNew(), new Answer());
        List<int> known = [.. prompt];
        using var blocks = target.Take(positions);
        var table = blocks.Blocks.ToArray();
        try
        {
            if (Wanted(k) > 0) await draft.BeginAsync(known, positions, Wanted(k), cancellation); // it computes the prompt while we do
            target.Fill(prompt.AsSpan(0, prompt.Length - 1), table, cancellation);
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                var start = Stopwatch.GetTimestamp();
                var candidates = Wanted(k) > 0 ? await draft.ProposeAsync(known, Wanted(k), cancellation) : [];
                answer.Waiting += Stopwatch.GetElapsedTime(start);
                start = Stopwatch.GetTimestamp();
                var (accepted, token) = target.Verify(known, candidates, table, cancellation);
                answer.Verifying += Stopwatch.GetElapsedTime(start);
                answer.Rounds.Add(new Round(candidates.Length, accepted));
                var ended = false;
                foreach (var next in (ReadOnlySpan<int>)[.. candidates.AsSpan(0, accepted), token])
                {
                    known.Add(next);
                    answer.Tokens.Add(next);
                    if (ended = answer.Tokens.Count == maxNewTokens || config.EosTokens.Contains(next)) break;
                }
                OnRound?.Invoke(answer.Rounds.Count);
                if (ended) break;
                if (adaptive && candidates.Length > 0) k = Math.Clamp(accepted == candidates.Length ? k + 1 : accepted < candidates.Length / 2 ? k - 1 : k, 1, target.MaxK);
            }
            answer.Elapsed = clock.Elapsed;
            return answer;
        }
        finally
        {
            await draft.EndAsync();
        }

        // A round brings one token more than was accepted, and candidates have to fit the positions.
        int Wanted(int k) => Math.Min(k, positions - known.Count);
    }
}

/// <summary>One round: candidates, and how many of them were right.</summary>
internal readonly record struct Round(int Proposed, int Accepted);

/// <summary>An answer and how it came about.</summary>
internal sealed class Answer
{
    internal List<int> Tokens { get; } = [];

    internal List<Round> Rounds { get; } = [];

    internal int Proposed => Rounds.Sum(round => round.Proposed);

    internal int Accepted => Rounds.Sum(round => round.Accepted);

    /// <summary>From the prompt to the last token.</summary>
    internal TimeSpan Elapsed { get; set; }

    /// <summary>Waiting for candidates.</summary>
    internal TimeSpan Waiting { get; set; }

    /// <summary>Computing the last token and the candidates.</summary>
    internal TimeSpan Verifying { get; set; }
}
