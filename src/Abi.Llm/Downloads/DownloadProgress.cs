using System.Runtime.InteropServices;

namespace Abi.Llm.Downloads;

/// <summary>How far a download is.</summary>
/// <param name="FileName">The file at hand.</param>
/// <param name="FileIndex">Its number among the model's files, from 0.</param>
/// <param name="FileCount">How many files the model has.</param>
/// <param name="BytesDone">The bytes of this file that are there, those of an earlier attempt included.</param>
/// <param name="ByteCount">The bytes it will have; null while unknown.</param>
/// <param name="BytesPerSecond">The mean speed of this attempt; 0 at its start.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct DownloadProgress(string FileName, int FileIndex, int FileCount, long BytesDone, long? ByteCount, double BytesPerSecond);
