namespace Nixl.Sdk.Serving;

/// <summary>Messages to bytes and back. Decoding never throws and never allocates more than a small multiple of the bytes given.</summary>
internal static class KvMessageCodec
{
    private const int LeastRunBytes = 6;
    private const int LeastGroupBytes = 13;

    /// <exception cref="ArgumentException">It is longer than a notification can be; the message says what to shorten.</exception>
    public static byte[] Encode(KvMessage message)
    {
        var writer = Write(message);
        return writer.Length <= NixlAgent.MaxNotificationBytes
            ? writer.ToArray()
            : throw new ArgumentException($"{Describe(message)} takes {writer.Length} bytes, and a notification at most {NixlAgent.MaxNotificationBytes}.", nameof(message));
    }

    /// <summary>A request or an offer, in as many parts as it takes.</summary>
    /// <exception cref="ArgumentException">It is longer than a receiver takes; the message says what to shorten.</exception>
    public static byte[][] EncodeInParts(KvAccessMessage message)
    {
        var writer = Write(message);
        if (writer.Length <= NixlAgent.MaxNotificationBytes) return [writer.ToArray()];
        if (writer.Length > KvPartBook.MaxBytes)
            throw new ArgumentException($"{Describe(message)} takes {writer.Length} bytes, and at most {KvPartBook.MaxBytes} are taken.", nameof(message));
        byte[][] pieces = [.. writer.ToArray().Chunk(KvMessageFormat.PartBytes)];
        return [.. pieces.Select((piece, index) => Encode(new KvPartMessage(message.Id, index, pieces.Length, piece)))];
    }

    private static KvMessageWriter Write(KvMessage message)
    {
        var writer = new KvMessageWriter(message.Kind, VersionOf(message));
        switch (message)
        {
            case KvAccessMessage access:
                Write(writer, access);
                break;
            case KvWroteMessage wrote:
                writer.U64(wrote.Id);
                writer.Number(wrote.Group);
                Write(writer, wrote.Runs);
                if (wrote.Sums.Length > 0) writer.Sums(wrote.Sums);
                break;
            case KvHeartbeatMessage heartbeat:
                writer.Number(heartbeat.Ids.Length);
                foreach (var id in heartbeat.Ids) writer.U64(id);
                break;
            case KvEndMessage end:
                writer.U64(end.Id);
                writer.U8((byte)end.Outcome);
                writer.Text(end.Reason, KvMessageFormat.MaxReason);
                writer.Bytes(end.Payload.Span);
                writer.Number(end.Moved.Bytes);
                writer.Number((long)end.Moved.Time.TotalMicroseconds);
                break;
            case KvCancelMessage cancel:
                writer.U64(cancel.Id);
                break;
            case KvAskMessage ask:
                writer.U64(ask.Id);
                writer.U8((byte)ask.What);
                writer.Text(ask.ToPool, KvMessageFormat.MaxName);
                writer.Text(ask.FromPool, KvMessageFormat.MaxName);
                break;
            case KvAnswerMessage answer:
                writer.U64(answer.Id);
                writer.U8((byte)answer.Answer);
                break;
            case KvPartMessage part:
                writer.U64(part.Id);
                writer.Number(part.Index);
                writer.Number(part.Count);
                writer.Bytes(part.Bytes);
                break;
            default:
                throw new ArgumentException($"{message.GetType().Name} has no wire form.", nameof(message));
        }
        return writer;
    }

    private static byte VersionOf(KvMessage message) =>
        message is KvAccessMessage { HasChecksums: true } or KvWroteMessage { Sums.Length: > 0 } ? KvMessageFormat.ChecksumVersion : KvMessageFormat.Version;

    /// <summary>Null if the bytes are no message of a version that is known.</summary>
    public static KvMessage? TryDecode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < KvMessageFormat.HeaderBytes || !KvMessageFormat.IsMessage(bytes) || bytes[4] is not (KvMessageFormat.Version or KvMessageFormat.ChecksumVersion)) return null;
        var reader = new KvMessageReader(bytes[KvMessageFormat.HeaderBytes..]);
        var message = Read((KvMessageKind)bytes[5], bytes[4] == KvMessageFormat.ChecksumVersion, ref reader);
        return reader.IsAtEnd && message is not null && VersionOf(message) == bytes[4] ? message : null;
    }

    private static KvMessage? Read(KvMessageKind kind, bool hasChecksums, ref KvMessageReader reader) => kind switch
    {
        KvMessageKind.Request or KvMessageKind.Offer => ReadAccess(kind, hasChecksums, ref reader),
        KvMessageKind.Wrote => ReadWrote(hasChecksums, ref reader),
        KvMessageKind.Heartbeat => ReadHeartbeat(ref reader),
        KvMessageKind.End => ReadEnd(ref reader),
        KvMessageKind.Cancel => new KvCancelMessage(reader.U64()),
        KvMessageKind.Ask => ReadAsk(ref reader),
        KvMessageKind.Answer => ReadAnswer(ref reader),
        KvMessageKind.Part => ReadPart(ref reader),
        _ => null,
    };

    private static void Write(KvMessageWriter writer, KvAccessMessage access)
    {
        writer.U64(access.Id);
        writer.Text(access.ToPool, KvMessageFormat.MaxName);
        writer.Text(access.FromPool, KvMessageFormat.MaxName);
        writer.Text(access.Name, KvMessageFormat.MaxName);
        writer.Time(access.Heartbeat);
        writer.Time(access.Timeout);
        writer.Number(access.Groups.Count);
        foreach (var group in access.Groups)
        {
            writer.Text(group.Name, KvMessageFormat.MaxName);
            writer.U64(group.Token);
            writer.Number(group.First);
            writer.Ids(group.Blocks);
            writer.Ids(group.Layers);
            writer.Number(group.BytesPerLayer);
            if (access.HasChecksums) writer.Sums(group.Sums);
        }
        writer.Bytes(access.Payload.Span);
    }

    private static void Write(KvMessageWriter writer, ArrivalRun[] runs)
    {
        writer.Number(runs.Length);
        foreach (ref readonly var run in runs.AsSpan())
        {
            writer.Number(run.Layer);
            writer.Number(run.Layers);
            writer.Number(run.Block);
            writer.Number(run.Blocks);
            writer.Number(run.Offset);
            writer.Number(run.Length);
        }
    }

    private static KvAccessMessage ReadAccess(KvMessageKind kind, bool hasChecksums, ref KvMessageReader reader)
    {
        var id = reader.U64();
        var (to, from, name) = (reader.Text(KvMessageFormat.MaxName), reader.Text(KvMessageFormat.MaxName), reader.Text(KvMessageFormat.MaxName));
        var (heartbeat, timeout) = (reader.Time(), reader.Time());
        var groups = new KvAccessGroup[reader.Count(LeastGroupBytes, KvMessageFormat.MaxGroups)];
        for (var i = 0; i < groups.Length && !reader.Failed; i++)
        {
            groups[i] = new KvAccessGroup(
                reader.Text(KvMessageFormat.MaxName), reader.U64(), (int)reader.Number(int.MaxValue), reader.Ids(), reader.Ids(), reader.Number())
            {
                Sums = hasChecksums ? reader.Sums() : [],
            };
        }
        return new KvAccessMessage(kind, id, to, from, name, heartbeat, timeout, groups, reader.Bytes().ToArray()) { HasChecksums = hasChecksums };
    }

    private static KvWroteMessage ReadWrote(bool hasChecksums, ref KvMessageReader reader)
    {
        var wrote = new KvWroteMessage(reader.U64(), (int)reader.Number(KvMessageFormat.MaxGroups - 1), ReadRuns(ref reader));
        return hasChecksums ? wrote with { Sums = reader.Sums() } : wrote;
    }

    private static ArrivalRun[] ReadRuns(ref KvMessageReader reader)
    {
        var runs = new ArrivalRun[reader.Count(LeastRunBytes)];
        for (var i = 0; i < runs.Length && !reader.Failed; i++)
        {
            runs[i] = new ArrivalRun(
                (int)reader.Number(int.MaxValue), (int)reader.Number(int.MaxValue), (int)reader.Number(int.MaxValue), (int)reader.Number(int.MaxValue),
                reader.Number(), reader.Number());
        }
        return runs;
    }

    private static KvHeartbeatMessage ReadHeartbeat(ref KvMessageReader reader)
    {
        var ids = new ulong[reader.Count(sizeof(ulong))];
        for (var i = 0; i < ids.Length; i++) ids[i] = reader.U64();
        return new KvHeartbeatMessage(ids);
    }

    private static KvPartMessage? ReadPart(ref KvMessageReader reader)
    {
        var part = new KvPartMessage(reader.U64(), (int)reader.Number(KvPartBook.MaxParts - 1), (int)reader.Number(KvPartBook.MaxParts), reader.Bytes().ToArray());
        return part.Count >= 2 && part.Index < part.Count && part.Bytes.Length > 0 ? part : null;
    }

    private static KvEndMessage? ReadEnd(ref KvMessageReader reader)
    {
        var (id, outcome) = (reader.U64(), (KvOutcome)reader.U8());
        var end = new KvEndMessage(id, outcome, reader.Text(KvMessageFormat.MaxReason), reader.Bytes().ToArray())
        {
            Moved = new KvMoved(reader.Number(), TimeSpan.FromMicroseconds(reader.Number((long)KvMessageFormat.LongestTime.TotalMicroseconds))),
        };
        return outcome is KvOutcome.Completed or KvOutcome.Cancelled or KvOutcome.Failed or KvOutcome.Refused ? end : null;
    }

    private static KvAskMessage? ReadAsk(ref KvMessageReader reader)
    {
        var ask = new KvAskMessage(reader.U64(), (KvMessageKind)reader.U8(), reader.Text(KvMessageFormat.MaxName), reader.Text(KvMessageFormat.MaxName));
        return ask.What is KvMessageKind.Request or KvMessageKind.Offer ? ask : null;
    }

    private static KvAnswerMessage? ReadAnswer(ref KvMessageReader reader)
    {
        var answer = new KvAnswerMessage(reader.U64(), (KvAnswer)reader.U8());
        return answer.Answer is KvAnswer.Yes or KvAnswer.NoRole or KvAnswer.NotYet ? answer : null;
    }

    private static string Describe(KvMessage message) => message switch
    {
        KvAccessMessage access =>
            $"The {(access.Kind == KvMessageKind.Request ? "request" : "offer")} '{access.Name}' with {access.Groups.Sum(group => group.Blocks.Length)} blocks and " +
            $"{access.Payload.Length} bytes of payload (larger blocks{(access.Kind == KvMessageKind.Offer && access.HasChecksums ? ", no checksums" : "")} or a shorter payload make it smaller)",
        KvEndMessage end => $"The end of a hand-over with {end.Payload.Length} bytes of payload (shorten it)",
        _ => $"A {message.Kind} message",
    };
}
